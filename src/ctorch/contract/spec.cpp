#include "contract/spec.h"

#include <ATen/ops/aminmax.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "tensor/conversion.h"

namespace ctorch {
namespace {

constexpr int known_format = 1;
constexpr int64_t most_offset = int64_t{1} << 40;  // what is added to a size

// A size, which no file may make negative, fractional or larger than can be counted.
int64_t whole(const nlohmann::json& value, const char* what) {
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) ||
      value.get<int64_t>() < 0)
    fail(CTORCH_ERROR_FILE, "the model's contract is damaged: ", what, " is ", value.dump(),
         ", expected a whole number that is not negative; export the model again");
  return value.get<int64_t>();
}

int32_t symbol_index(Spec& spec, const std::string& name) {
  for (size_t i = 0; i < spec.symbols.size(); ++i)
    if (spec.symbols[i].name == name) return static_cast<int32_t>(i);
  if (spec.symbols.size() == max_symbols)
    fail(CTORCH_ERROR_FILE, "the model's contract has more than ", max_symbols, " symbolic sizes");
  spec.symbols.push_back({name});
  return static_cast<int32_t>(spec.symbols.size() - 1);
}

// 24 or, as the size of an input with something added, "nodes-1".
RangeBound parse_bound(Spec& spec, const nlohmann::json& value, double (*inward)(double)) {
  constexpr double most = 9.0e18;
  if (!value.is_string()) return {static_cast<int64_t>(std::clamp(inward(value.get<double>()), -most, most)), -1};
  const auto text = value.get<std::string>();
  const size_t sign = text.find_first_of("+-", 1);
  int64_t offset = 0;
  if (sign != std::string::npos) {
    const char* const from = text.data() + sign + (text[sign] == '+' ? 1 : 0);
    const auto [end, error] = std::from_chars(from, text.data() + text.size(), offset);
    if (error != std::errc() || end != text.data() + text.size() || offset < -most_offset || offset > most_offset)
      fail(CTORCH_ERROR_FILE, "the model's contract is damaged: '", text, "' is no end of a range; export the model again");
  }
  return {offset, symbol_index(spec, text.substr(0, sign))};
}

// "range": [1, 24], [0, "nodes-1"]
std::optional<SpecRange> parse_range(Spec& spec, const nlohmann::json& entry, c10::ScalarType dtype) {
  const auto found = entry.find("range");
  if (found == entry.end() || found->is_null() || !c10::isIntegralType(dtype, /*includeBool=*/false)) return std::nullopt;
  const SpecRange range{parse_bound(spec, found->at(0), std::ceil), parse_bound(spec, found->at(1), std::floor)};
  if (range.low.symbol < 0 && range.high.symbol < 0 && range.low.number > range.high.number)
    fail(CTORCH_ERROR_FILE, "the model's contract is damaged: the range ", found->dump(), " is empty; export the model again");
  return range;
}

TensorSpec parse_tensor(Spec& spec, const nlohmann::json& entry) {
  TensorSpec tensor;
  tensor.name = entry.at("name").get<std::string>();
  tensor.dtype = scalar_type_named(entry.at("dtype").get<std::string>());
  if (auto units = entry.find("units"); units != entry.end() && units->is_string()) tensor.units = units->get<std::string>();
  if (auto layout = entry.find("layout"); layout != entry.end()) {
    const auto word = layout->get<std::string>();
    if (word != "torch" && word != "fortran")
      fail(CTORCH_ERROR_FILE, "the model's contract names an unknown layout '", word, "'");
    tensor.fortran_layout = word == "fortran";
  }
  tensor.range = parse_range(spec, entry, tensor.dtype);
  for (const auto& dim : entry.at("shape")) {
    if (dim.is_string())
      tensor.dims.push_back({-1, symbol_index(spec, dim.get<std::string>())});
    else
      tensor.dims.push_back({whole(dim, "a size"), -1});
  }
  return tensor;
}

// Whether these sizes could be the expected ones in another order.
bool fits_permuted(const TensorSpec& expected, c10::IntArrayRef sizes) {
  std::vector<int64_t> left(sizes.begin(), sizes.end());
  for (const SpecDim& dim : expected.dims) {
    if (dim.symbol >= 0) continue;
    const auto found = std::find(left.begin(), left.end(), dim.size);
    if (found == left.end()) return false;
    left.erase(found);
  }
  return true;
}

// " (1 to nodes)", where a range follows a size.
std::string range_words(const SpecRange& range, const std::vector<Symbol>& symbols) {
  const auto words = [&](const RangeBound& bound) {
    if (bound.symbol < 0) return std::to_string(bound.number);
    const std::string& name = symbols[static_cast<size_t>(bound.symbol)].name;
    return bound.number == 0 ? name : name + (bound.number > 0 ? "+" : "") + std::to_string(bound.number);
  };
  return range.low.symbol < 0 && range.high.symbol < 0 ? "" : " (" + words(range.low) + " to " + words(range.high) + ")";
}

[[noreturn]] void damaged(const nlohmann::json::exception& error) {
  fail(CTORCH_ERROR_FILE, "the model's contract is damaged (", error.what(), "); export the model again");
}

}  // namespace

nlohmann::json parse_contract(const std::string& text) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    damaged(error);
  }
}

ValueRange SpecRange::at(const Bindings& bindings) const {
  const auto number = [&](const RangeBound& bound) {
    return bound.number + (bound.symbol < 0 ? 0 : bindings[static_cast<size_t>(bound.symbol)]);
  };
  return {number(low), number(high)};
}

std::string Symbol::words() const {
  return name + " may be " + std::to_string(min) + (max == INT64_MAX ? " or more" : " to " + std::to_string(max)) +
         (multiple > 1 ? ", a multiple of " + std::to_string(multiple) : "");
}

// A range can follow the sizes that a call has, which are those of its inputs.
void Spec::require_sizes_of_ranges() const {
  const auto is_size = [&](int32_t symbol) {
    return std::any_of(inputs.begin(), inputs.end(), [&](const TensorSpec& input) {
      return std::any_of(input.dims.begin(), input.dims.end(), [&](const SpecDim& dim) { return dim.symbol == symbol; });
    });
  };
  for (const TensorSpec& input : inputs)
    for (const RangeBound& bound : input.range ? std::array{input.range->low, input.range->high} : std::array<RangeBound, 2>{})
      if (bound.symbol >= 0 && !is_size(bound.symbol))
        fail(CTORCH_ERROR_FILE, "the model's contract is damaged: the range of '", input.name, "' ends at '",
             symbols[static_cast<size_t>(bound.symbol)].name, "', which is no size of an input; export the model again");
}

Spec Spec::parse(const std::string& text) { return read(parse_contract(text), text); }

Spec Spec::read(const nlohmann::json& json, std::string text) {
  try {
    const int format = json.at("format").get<int>();
    if (format > known_format)
      fail(CTORCH_ERROR_FILE, "the model's contract has format ", format, ", this library knows up to ", known_format,
           "; install a newer version of it");
    Spec spec;
    spec.json = std::move(text);
    if (auto symbols = json.find("symbols"); symbols != json.end()) {
      for (const auto& [name, range] : symbols->items()) {
        auto& symbol = spec.symbols[static_cast<size_t>(symbol_index(spec, name))];
        if (range.contains("min") && !range["min"].is_null()) symbol.min = whole(range["min"], "a smallest size");
        if (range.contains("max") && !range["max"].is_null()) symbol.max = whole(range["max"], "a largest size");
        if (range.contains("multiple")) symbol.multiple = std::max<int64_t>(1, whole(range["multiple"], "a multiple"));
        symbol.surely_from = symbol.multiple == 1 ? symbol.min : 1;
        symbol.surely_to = symbol.multiple == 1 ? symbol.max : 0;
        if (symbol.min > symbol.max || symbol.min % symbol.multiple != 0)
          fail(CTORCH_ERROR_FILE, "the model's contract is damaged: ", symbol.words(), "; export the model again");
      }
    }
    if (auto flush = json.find("flush_denormals"); flush != json.end() && !flush->is_null())
      spec.flush = flush->get<bool>() ? Flush::on : Flush::off;
    if (auto products = json.find("products"); products != json.end() && !products->is_null()) {
      const auto word = products->get<std::string>();
      if (word != "tf32")
        fail(CTORCH_ERROR_FILE, "the model's contract has products in '", word,
             "', this library knows 'tf32'; install a newer version of it");
      spec.tf32 = true;
    }
    for (const auto& entry : json.at("inputs")) spec.inputs.push_back(parse_tensor(spec, entry));
    spec.require_sizes_of_ranges();
    for (const auto& entry : json.at("outputs")) spec.outputs.push_back(parse_tensor(spec, entry));
    return spec;
  } catch (const nlohmann::json::exception& error) {
    damaged(error);
  }
}

std::string Spec::shape_words(const TensorSpec& tensor) const {
  std::ostringstream text;
  text << '[';
  for (size_t d = 0; d < tensor.dims.size(); ++d) {
    text << (d ? ", " : "");
    if (tensor.dims[d].symbol >= 0)
      text << symbols[static_cast<size_t>(tensor.dims[d].symbol)].name;
    else
      text << tensor.dims[d].size;
  }
  text << ']';
  return text.str();
}

std::string port_words(const char* direction, size_t index, const TensorSpec* tensor) {
  std::ostringstream text;
  text << direction << ' ' << index + 1;
  if (tensor) {
    text << " '" << tensor->name << "'";
    if (!tensor->units.empty()) text << " (" << tensor->units << ")";
  }
  return text.str();
}

Spec Spec::with_dtype(c10::ScalarType from, c10::ScalarType to) const {
  auto changed = nlohmann::json::parse(json);
  for (const char* side : {"inputs", "outputs"})
    for (auto& entry : changed.at(side))
      if (entry.at("dtype") == label(from)) entry["dtype"] = label(to);
  return read(changed, changed.dump());
}

Spec Spec::with_output_dtypes(c10::ArrayRef<at::Tensor> results) const {
  auto changed = nlohmann::json::parse(json);
  for (size_t i = 0; i < outputs.size(); ++i) changed.at("outputs").at(i)["dtype"] = label(results[i].scalar_type());
  return read(changed, changed.dump());
}

void Spec::check_outputs(c10::ArrayRef<at::Tensor> results) const {
  if (results.size() != outputs.size())
    fail(CTORCH_ERROR_FILE, "the model's contract is damaged: it has ", outputs.size(), " outputs, forward returns ",
         results.size(), "; export the model again");
  for (size_t i = 0; i < outputs.size(); ++i)
    if (results[i].dim() != static_cast<int64_t>(outputs[i].dims.size()) || results[i].scalar_type() != outputs[i].dtype)
      fail(CTORCH_ERROR_FILE, "the model's contract is damaged: ", port_words("output", i, &outputs[i]), " is ",
           label(outputs[i].dtype), " ", shape_words(outputs[i]), ", forward returns ", describe(results[i]),
           "; export the model again");
}

void Spec::check_input(size_t index, const at::Tensor& tensor, bool any_dtype, Bindings& bindings) const {
  const TensorSpec& expected = inputs[index];
  const auto sizes = tensor.sizes();
  const auto refuse = [&](const std::string& advice) __attribute__((cold, noinline)) {
    fail(CTORCH_ERROR_ARGUMENT, port_words("input", index, &expected), ": expected ", label(expected.dtype), " ",
         shape_words(expected), ", got ", describe(tensor), advice);
  };
  if (!any_dtype && tensor.scalar_type() != expected.dtype) [[unlikely]]
    refuse("; pass convert=.true. or an array of " + label(expected.dtype));
  if (sizes.size() != expected.dims.size()) [[unlikely]]
    refuse("");
  for (size_t d = 0; d < sizes.size(); ++d) {
    const SpecDim& dim = expected.dims[d];
    if (dim.symbol < 0) {
      if (sizes[d] != dim.size) [[unlikely]]
        refuse(fits_permuted(expected, sizes) ? "; if the dimensions are only in another order, permute_dims gives the view"
                                              : "");
      continue;
    }
    const Symbol& symbol = symbols[static_cast<size_t>(dim.symbol)];
    int64_t& bound = bindings[static_cast<size_t>(dim.symbol)];
    if (bound < 0) {
      if ((sizes[d] < symbol.surely_from || sizes[d] > symbol.surely_to) && !symbol.admits(sizes[d])) [[unlikely]] {
        const bool none = sizes[d] == 0;
        const bool no_multiple = !none && sizes[d] % symbol.multiple != 0;
        refuse("; " + symbol.words() +
               (none ? "; if none is no mistake, export the model with --symbol " + symbol.name + "=0.." : "") +
               (no_multiple ? "; a network inside pt2ts.nn.Pad takes any size" : ""));
      }
      bound = sizes[d];
    } else if (bound != sizes[d]) [[unlikely]] {
      refuse("; " + symbol.name + " is " + std::to_string(bound) + " in another input");
    }
  }
}

void Spec::check_values(size_t index, const at::Tensor& tensor, const Bindings& bindings) const {
  const TensorSpec& expected = inputs[index];
  if (!expected.range || tensor.numel() == 0 || !c10::isIntegralType(tensor.scalar_type(), false)) return;
  const auto [low, high] = expected.range->at(bindings);
  at::Tensor here = tensor;
  if (!tensor.is_cpu()) {  // the numbers come to the host only if something is wrong with them
    const auto [least, most] = at::aminmax(tensor);
    if (least.item<int64_t>() >= low && most.item<int64_t>() <= high) return;
    here = tensor.cpu();
  }
  c10::SmallVector<int64_t, CTORCH_MAX_RANK> steps;
  for (const int64_t stride : here.strides()) steps.push_back(stride * here.element_size());
  const auto wrong = find_out_of_range(here.const_data_ptr(), here.scalar_type(), here.sizes(), steps, low, high);
  if (wrong) [[unlikely]]
    fail(CTORCH_ERROR_ARGUMENT, port_words("input", index, &expected), ": element ", place_words(wrong->place), " is ",
         wrong->value, ", expected ", low, " to ", high, range_words(*expected.range, symbols));
}

at::Tensor Spec::make_input(size_t index, const Bindings& bindings, c10::Device device) const {
  const TensorSpec& input = inputs[index];
  c10::SmallVector<int64_t, CTORCH_MAX_RANK> shape;
  for (const SpecDim& dim : input.dims) shape.push_back(dim.symbol < 0 ? dim.size : bindings[static_cast<size_t>(dim.symbol)]);
  const auto options = at::TensorOptions(input.dtype).device(device);
  if (!input.range) return at::zeros(shape, options);
  const auto [low, high] = input.range->at(bindings);
  return at::full(shape, std::min(std::max<int64_t>(0, low), high), options);
}

at::Tensor Spec::resize_input(size_t index, const at::Tensor& tensor, const Bindings& bindings) const {
  const TensorSpec& input = inputs[index];
  if (tensor.numel() == 0) return make_input(index, bindings, tensor.device());
  at::Tensor resized = tensor;
  for (size_t d = 0; d < input.dims.size(); ++d) {
    if (input.dims[d].symbol < 0) continue;
    const int64_t size = bindings[static_cast<size_t>(input.dims[d].symbol)], dim = static_cast<int64_t>(d);
    const auto places = at::arange(size, at::TensorOptions(at::kLong).device(tensor.device())).remainder(tensor.size(dim));
    resized = resized.index_select(dim, places);
  }
  if (!input.range) return resized;
  const auto [low, high] = input.range->at(bindings);
  return resized.clamp(low, high);
}

bool Spec::can_make_inputs() const {
  return std::all_of(inputs.begin(), inputs.end(), [](const TensorSpec& input) {
    return input.range || !c10::isIntegralType(input.dtype, /*includeBool=*/false);
  });
}

bool Spec::is_single_sample(const TensorSpec& tensor, int64_t rank, const std::vector<Symbol>& symbols) {
  return static_cast<int64_t>(tensor.dims.size()) == rank + 1 && tensor.dims[0].symbol >= 0 &&
         symbols[static_cast<size_t>(tensor.dims[0].symbol)].name == "batch";
}

}  // namespace ctorch
