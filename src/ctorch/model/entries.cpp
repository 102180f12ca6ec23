// Entries that load, save, share and ask about models.
#include <ATen/core/Formatting.h>

#include "core/text.h"
#include "ctorch_model.h"
#include "model/handle.h"

using namespace ctorch;

namespace {

std::string names_of(const std::vector<TensorSpec>& tensors) {
  return joined(tensors, "\n", [](const TensorSpec& tensor) { return tensor.name; });
}

// Loads from what `source` returns, in the same way for every kind of source.
template <class Source>
int32_t load(Source&& source, int32_t device_type, int32_t device_index, int32_t requires_grad, int32_t is_training,
             int32_t trust, const char* sha256, int64_t sha256_length, int32_t allow_random, ctorch_model* model) {
  return compute([&] {
    require(model, "model");
    LoadOptions options;
    options.device = device(device_type, device_index);
    if (requires_grad >= 0) options.requires_grad = requires_grad != 0;
    options.is_training = is_training != 0;
    options.trust = trust != 0;
    options.allow_random = allow_random != 0;
    options.sha256 = read_text(sha256, sha256_length, "sha256");
    store(model, std::make_shared<Model>(source(), options));
  });
}

}  // namespace

extern "C" {

int32_t ctorch_model_load(const char* path, int64_t path_length, int32_t device_type, int32_t device_index,
                          int32_t requires_grad, int32_t is_training, int32_t trust, const char* sha256, int64_t sha256_length,
                          int32_t allow_random, ctorch_model* model) {
  return load([&] { return FileSource(read_path(path, path_length)); }, device_type, device_index, requires_grad, is_training,
              trust, sha256, sha256_length, allow_random, model);
}

int32_t ctorch_model_load_bytes(const void* bytes, int64_t size, const char* name, int64_t name_length, int32_t device_type,
                                int32_t device_index, int32_t requires_grad, int32_t is_training, int32_t trust,
                                const char* sha256, int64_t sha256_length, int32_t allow_random, ctorch_model* model) {
  return load([&] { return bytes_in_memory(bytes, size, name, name_length); }, device_type, device_index, requires_grad,
              is_training, trust, sha256, sha256_length, allow_random, model);
}

int32_t ctorch_model_load_open(int32_t descriptor, const char* name, int64_t name_length, int32_t device_type,
                               int32_t device_index, int32_t requires_grad, int32_t is_training, int32_t trust,
                               const char* sha256, int64_t sha256_length, int32_t allow_random, ctorch_model* model) {
  return load([&] { return open_file(descriptor, name, name_length); }, device_type, device_index, requires_grad, is_training,
              trust, sha256, sha256_length, allow_random, model);
}

int32_t ctorch_model_share(const ctorch_model* source, ctorch_model* target) { return share_handle(source, target); }

int32_t ctorch_model_yield(const ctorch_model* model) {
  return guard([&] { shared_of(model).temporary = true; });
}

int32_t ctorch_model_delete(ctorch_model* model) { return delete_handle(table_of<ctorch_model>(), model); }

int32_t ctorch_model_save(const ctorch_model* model, const char* path, int64_t path_length) {
  return compute([&] { object_of(model).save(read_path(path, path_length)); });
}

int32_t ctorch_model_count_parameters(const ctorch_model* model, int32_t* count) {
  return answer_with(count, "count", [&] { return object_of(model).backend().parameters().size(); });
}

int32_t ctorch_model_parameters(const ctorch_model* model, ctorch_tensor parameters[], int32_t n_parameters) {
  return guard([&] {
    const auto list = object_of(model).backend().parameters();
    if (list.size() != static_cast<size_t>(n_parameters))
      fail(CTORCH_ERROR_ARGUMENT, "the model has ", list.size(), " parameters, got an array of ", n_parameters, " tensors");
    if (n_parameters) require(parameters, "parameters");
    for (size_t i = 0; i < list.size(); ++i) store(&parameters[i], list[i].second);
  });
}

int32_t ctorch_model_to_string(const ctorch_model* model, const char** text, int64_t* length) {
  return compute([&] {
    std::ostringstream stream;
    for (const auto& [name, value] : object_of(model).backend().parameters())
      stream << name << ": " << describe(value) << '\n' << value << '\n';
    return_text(stream.str(), text, length);
  });
}

int32_t ctorch_model_is_training(const ctorch_model* model, int32_t* answer) {
  return answer_with(answer, "answer", [&] { return object_of(model).backend().is_training(); });
}

int32_t ctorch_model_contract(const ctorch_model* model, const char** text, int64_t* length) {
  return guard([&] {
    const auto& spec = object_of(model).spec();
    return_text(spec ? spec->json : "", text, length);
  });
}

int32_t ctorch_model_input_names(const ctorch_model* model, const char** text, int64_t* length) {
  return guard([&] {
    const auto& spec = object_of(model).spec();
    return_text(spec ? names_of(spec->inputs) : "", text, length);
  });
}

int32_t ctorch_model_output_names(const ctorch_model* model, const char** text, int64_t* length) {
  return guard([&] {
    const auto& spec = object_of(model).spec();
    return_text(spec ? names_of(spec->outputs) : "", text, length);
  });
}

int32_t ctorch_model_self_test(const ctorch_model* model, double* max_difference) {
  return compute([&] {
    require(max_difference, "max_difference");
    *max_difference = object_of(model).self_test();
  });
}

int32_t ctorch_model_stats(const ctorch_model* model, int64_t* calls, int64_t* input_copies, const char** variant,
                           int64_t* length) {
  return guard([&] {
    require(calls, "calls");
    require(input_copies, "input_copies");
    const Model& network = object_of(model);
    *calls = network.calls();
    *input_copies = network.backend().input_copies();
    return_text(network.calls() ? network.backend().last_variant() : "", variant, length);
  });
}

int32_t ctorch_model_use_graphs(const ctorch_model* model, int32_t on) {
  return guard([&] { object_of(model).use_graphs(on != 0); });
}

int32_t ctorch_model_graph_stats(const ctorch_model* model, int64_t* captures, int64_t* replays, int64_t* refusals,
                                 const char** reason, int64_t* length) {
  return guard([&] {
    require(captures, "captures");
    require(replays, "replays");
    require(refusals, "refusals");
    const Graphs::Counts counts = object_of(model).graph_counts();
    *captures = counts.captures;
    *replays = counts.replays;
    *refusals = counts.refusals;
    return_text(counts.reason, reason, length);
  });
}

int32_t ctorch_model_subnormal_calls(const ctorch_model* model, int64_t* calls) {
  return answer_with(calls, "calls", [&] { return object_of(model).subnormal_calls(); });
}

}  // extern "C"
