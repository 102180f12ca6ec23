#include "model_file.h"

#include "archive.h"
#include "error.h"

namespace ctorch {
namespace {

constexpr FileWords words{"no model file", "; expected one made by pt2ts export",
                          ": it is a Python pickle (torch.save); export the module with pt2ts export",
                          "copy or export it again"};

}  // namespace

ModelFormat inspect_model_file(const std::string& path) {
  const auto entries = archive_entries(path, words);
  bool code = false, pickle = false, package = false, exported = false;
  for (const auto& [name, full_name, crc] : entries) {
    code |= name.rfind("code/", 0) == 0 || name == "constants.pkl";
    pickle |= name == "data.pkl";
    package |= name.find("data/aotinductor/") != std::string::npos;
    exported |= name.rfind("models/", 0) == 0 || name == "serialized_exported_program.json";
  }
  if (code && pickle) {
    verify_checksums(path, entries, words);
    return ModelFormat::torchscript;
  }
  if (package)
    fail(CTORCH_ERROR_FILE, "'", path,
         "' is a compiled AOTInductor package, which this version cannot run; export the module "
         "as TorchScript with pt2ts export");
  if (exported)
    fail(CTORCH_ERROR_FILE, "'", path,
         "' is a plain torch.export file, which only Python can run; export the module with pt2ts export");
  if (pickle)
    fail(CTORCH_ERROR_FILE, "'", path,
         "' holds weights or objects saved by torch.save, not a model that runs without Python; "
         "export the module with pt2ts export --weights ",
         path);
  fail(CTORCH_ERROR_FILE, "'", path, "' is a zip archive but no PyTorch model; expected one made by pt2ts export");
}

}  // namespace ctorch
