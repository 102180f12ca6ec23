#include "model/file.h"

#include "core/error.h"
#include "model/package/package.h"

namespace ctorch {
namespace {

constexpr FileWords model_words{"no model file", "; expected one made by pt2ts export",
                                ": it is a Python pickle (torch.save); export the module with pt2ts export",
                                "copy or export it again"};

}  // namespace

Archive open_model_file(const FileSource& source, const std::string& sha256) { return Archive(source, model_words, sha256); }

ModelFormat format_of(const Archive& archive) {
  const std::string& path = archive.path();
  bool code = false, exported = false;
  for (const auto& member : archive.members()) {
    code |= member.name.starts_with("code/") || member.name == "constants.pkl";
    exported |= member.name.starts_with("models/") || member.name == "serialized_exported_program.json";
  }
  const bool pickle = archive.find("data.pkl") != nullptr;
  if (code && pickle) {
    archive.require_one_folder();
    archive.verify_checksums();
    return ModelFormat::torchscript;
  }
  if (Package::recognizes(archive)) return ModelFormat::package;
  if (exported)
    fail(CTORCH_ERROR_FILE, "'", path,
         "' is a plain torch.export file, which only Python can run; make it runnable with: pt2ts export ", path,
         " --format pt2 -o ", path.substr(0, path.rfind('.')), "_compiled.pt2");
  if (pickle)
    fail(CTORCH_ERROR_FILE, "'", path,
         "' holds weights or objects saved by torch.save, not a model that runs without Python; "
         "export the module with pt2ts export --weights ",
         path);
  fail(CTORCH_ERROR_FILE, "'", path, "' is a zip archive but no PyTorch model; expected one made by pt2ts export");
}

}  // namespace ctorch
