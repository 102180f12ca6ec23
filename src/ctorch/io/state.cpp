#include "io/state.h"

#include <unordered_set>

#include "compat/serialization.h"
#include "compat/tensor_impl.h"
#include "core/error.h"
#include "io/archive.h"
#include "io/atomic_file.h"
#include "io/pickle.h"

namespace ctorch {
namespace {

constexpr FileWords state_words{
    "no file of named tensors", "; expected one made by torch_model_save_state, torch_checkpoint_save or Python's torch.save",
    ": it is a pickle in the form that torch.save used before PyTorch 1.6; load it in Python and save it again",
    "copy it again"};

[[noreturn]] void unusable(const std::string& path, const std::string& reason) {
  fail(CTORCH_ERROR_FILE, "'", path, "' cannot be used: ", reason);
}

State named_tensors(const std::string& path, const pickle::Value& content) {
  if (content.kind != pickle::Kind::dictionary)
    unusable(path, "it holds " + content.description() + ", not a dictionary of tensors; save module.state_dict() in Python");
  State state;
  for (size_t i = 0; i + 1 < content.items.size(); i += 2) {
    const pickle::Value &key = *content.items[i], &value = *content.items[i + 1];
    if (key.kind != pickle::Kind::text) unusable(path, "a key of its dictionary is " + key.description() + ", not a name");
    if (value.kind != pickle::Kind::tensor)
      unusable(path, "its entry '" + key.text + "' is " + value.description() +
                         ", not a tensor; save module.state_dict() itself in Python");
    state.emplace_back(key.text, value.tensor);
  }
  return state;
}

}  // namespace

at::Tensor plain_copy(const at::Tensor& tensor) {
  at::Tensor plain = tensor.detach().to(c10::kCPU).resolve_conj().resolve_neg().contiguous();
  return plain.storage().nbytes() == plain.nbytes() ? plain : plain.clone();
}

State without_second_names(const State& all) {
  State state;
  std::unordered_set<const c10::TensorImpl*> seen;
  for (const auto& [name, value] : all)
    if (seen.insert(compat::identity(value)).second) state.emplace_back(name, value);
  return state;
}

void write_archive(const Writer& write, const c10::IValue& content) {
  const compat::Pickled pickle = compat::pickle(content);
  compat::ArchiveWriter archive(write);
  archive.writeRecord("data.pkl", pickle.text.data(), pickle.text.size());
  archive.writeRecord("byteorder", "little", 6);
  size_t number = 0;
  for (const at::Tensor& tensor : pickle.tensors)
    archive.writeRecord("data/" + std::to_string(number++), tensor.storage().data(), tensor.storage().nbytes());
  archive.writeEndOfFile();
}

void write_state(const std::string& path, const State& state) {
  c10::Dict<std::string, at::Tensor> dictionary;
  for (const auto& [name, tensor] : state) dictionary.insert(name, plain_copy(tensor));
  write_file(path, [&](const Writer& write) { write_archive(write, dictionary); });
}

State read_state(const std::string& path) {
  const Archive file(FileSource{path}, state_words);
  const auto has = [&](const char* name) { return file.find(name) != nullptr; };
  if (has("constants.pkl")) unusable(path, "it is a whole model, which torch_model_load loads");
  if (!has("data.pkl")) unusable(path, "it is a zip archive, but torch.save did not write it");
  file.require_one_folder();
  file.verify_checksums();
  try {
    compat::ArchiveReader reader(file.adapter());
    const auto text = [&](const char* name) {
      const auto [data, size] = reader.getRecord(name);
      return std::string(static_cast<const char*>(data.get()), size);
    };
    if (has("byteorder") && text("byteorder") != "little")
      unusable(path, "its numbers are in the byte order of another machine");
    const auto content = pickle::read(text("data.pkl"), [&](const std::string& key) {
      auto [data, size] = reader.getRecord("data/" + key);
      return c10::Storage(c10::Storage::use_byte_size_t(), static_cast<int64_t>(size), std::move(data), nullptr, false);
    });
    return named_tensors(path, *content);
  } catch (const pickle::Unreadable& error) {
    unusable(path, error.what());
  } catch (const c10::Error& error) {
    fail(CTORCH_ERROR_FILE, "'", path, "' is corrupt: ", error.what_without_backtrace());
  }
}

}  // namespace ctorch
