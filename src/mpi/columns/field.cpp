#include "columns/field.h"

#include <algorithm>
#include <array>
#include <climits>
#include <sstream>
#include <utility>

#include "core/error.h"

namespace ftorch {
namespace {

constexpr size_t alignment = 64;

size_t rounded(size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

std::string name_of(const Signature& signature, size_t i) {
  const auto inputs = static_cast<size_t>(signature.inputs);
  return i < inputs ? "input " + std::to_string(i + 1) : "output " + std::to_string(i + 1 - inputs);
}

Field field_of(const ctorch_array& array, const std::string& name) {
  Field field;
  if (array.dtype < 0) fail(CTORCH_ERROR_ARGUMENT, name, ": its elements can be no numbers of a tensor");
  if (array.order == CTORCH_ORDER_LAYOUT) fail(CTORCH_ERROR_ARGUMENT, name, ": expected permute_dims, got a layout");
  if (array.rank < 1) fail(CTORCH_ERROR_ARGUMENT, name, ": expected an array with a dimension of columns, got a scalar");
  field.dtype = array.dtype;
  field.element_bytes = array.element_bytes;
  field.rank = array.rank;
  field.order = array.order;
  std::copy_n(array.shape, array.rank, field.shape);
  if (array.order == CTORCH_ORDER_PERMUTE) {
    if (array.order_count != array.rank)
      fail(CTORCH_ERROR_ARGUMENT, name, ": permute_dims has ", array.order_count, " numbers for an array of rank ", array.rank);
    std::array<bool, CTORCH_MAX_RANK> seen{};
    for (int32_t d = 0; d < array.rank; ++d) {
      const int32_t dim = array.order_dims[d];
      if (dim < 1 || dim > array.rank || std::exchange(seen[static_cast<size_t>(dim - 1)], true))
        fail(CTORCH_ERROR_ARGUMENT, name, ": permute_dims must name each of the ", array.rank, " dimensions once");
      field.order_dims[d] = dim;
    }
    field.column = array.order_dims[0] - 1;
  }
  field.shape[field.column] = 0;
  return field;
}

}  // namespace

int64_t Field::column_bytes() const {
  int64_t bytes = element_bytes;
  for (int32_t d = 0; d < rank; ++d)
    if (d != column) bytes *= shape[d];
  return bytes;
}

std::string Field::words() const {
  std::string dims;
  for (int32_t d = 0; d < rank; ++d)
    dims += (d ? ", " : "") + (d == column ? std::string("columns") : std::to_string(shape[d]));
  return "(" + dims + ") of " + std::to_string(element_bytes) + " bytes each";
}

std::string Signature::to_text() const {
  std::ostringstream text;
  text << fields.size() << ' ' << inputs << ' ' << convert;
  for (const Field& field : fields) {
    text << ' ' << field.dtype << ' ' << field.element_bytes << ' ' << field.rank << ' ' << field.column << ' ' << field.order;
    for (int32_t d = 0; d < field.rank; ++d) text << ' ' << field.shape[d] << ' ' << field.order_dims[d];
  }
  return text.str();
}

Signature Signature::from_text(const std::string& text) {
  std::istringstream words(text);
  Signature found;
  size_t count = 0;
  words >> count >> found.inputs >> found.convert;
  found.fields.resize(count);
  for (Field& field : found.fields) {
    words >> field.dtype >> field.element_bytes >> field.rank >> field.column >> field.order;
    for (int32_t d = 0; d < field.rank; ++d) words >> field.shape[d] >> field.order_dims[d];
  }
  return found;
}

uint64_t Signature::digest() const {
  uint64_t value = 14695981039346656037U;  // FNV-1a
  const auto mix = [&value](int64_t word) {
    for (int shift = 0; shift < 64; shift += 8) value = (value ^ (static_cast<uint64_t>(word) >> shift & 255)) * 1099511628211U;
  };
  mix(inputs);
  mix(convert);
  for (const Field& field : fields) {
    for (const int32_t word : {field.dtype, field.element_bytes, field.rank, field.column, field.order}) mix(word);
    for (int32_t d = 0; d < field.rank; ++d) {
      mix(field.shape[d]);
      mix(field.order_dims[d]);
    }
  }
  return value;
}

std::string Signature::difference(const Signature& other) const {
  const auto counts = [](const Signature& one) {
    return std::to_string(one.inputs) + " inputs and " + std::to_string(static_cast<int64_t>(one.size()) - one.inputs) +
           " outputs";
  };
  if (inputs != other.inputs || size() != other.size()) return counts(*this) + " here, " + counts(other);
  if (convert != other.convert) return std::string("convert is ") + (convert ? "true" : "false") + " here, and not";
  for (size_t i = 0; i < size(); ++i)
    if (fields[i] != other.fields[i]) {
      const std::string mine = fields[i].words(), theirs = other.fields[i].words();
      const bool retyped = fields[i].dtype != other.fields[i].dtype;
      const char* otherwise = retyped ? "with numbers of another type" : "with its dimensions in another order";
      return name_of(*this, i) + " is " + mine + " here, " + (mine == theirs ? otherwise : theirs);
    }
  return {};
}

Arrays::Arrays(const ctorch_array* inputs, int32_t n_inputs, const ctorch_array* outputs, int32_t n_outputs, int32_t convert)
    : arrays_(inputs, inputs + n_inputs) {
  arrays_.insert(arrays_.end(), outputs, outputs + n_outputs);
  if (n_inputs < 1 || n_outputs < 1) fail(CTORCH_ERROR_ARGUMENT, "expected an input and an output at least");
  signature_.inputs = n_inputs;
  signature_.convert = convert;
  signature_.fields.resize(arrays_.size());
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const std::string name = name_of(signature_, i);
    Field& field = signature_.fields[i] = field_of(arrays_[i], name);
    const int64_t columns = arrays_[i].shape[field.column];
    if (columns < 0) fail(CTORCH_ERROR_ARGUMENT, name, ": the extent of an assumed-size array is not known");
    if (columns > INT_MAX) fail(CTORCH_ERROR_ARGUMENT, name, ": ", columns, " columns of one rank are more than MPI counts");
    if (i == 0) columns_ = columns;
    if (columns != columns_)
      fail(CTORCH_ERROR_ARGUMENT, name, " has ", columns, " columns, and ", name_of(signature_, 0), " has ", columns_,
           "; where columns are not counted by the first dimension of the tensor, permute_dims says so");
    if (!arrays_[i].data && columns > 0 && field.column_bytes() > 0)
      fail(CTORCH_ERROR_ARGUMENT, name, ": the array is not allocated");
  }
}

Arrays Arrays::within(const Signature& signature, int64_t columns, std::vector<char>& memory) {
  Arrays made;
  made.signature_ = signature;
  made.columns_ = columns;
  made.arrays_.resize(signature.size());
  size_t bytes = alignment;
  for (const Field& field : signature.fields) bytes += rounded(static_cast<size_t>(field.column_bytes() * columns));
  if (memory.size() < bytes) {
    memory.clear();
    memory.resize(bytes);
  }
  auto* place = memory.data() + (alignment - reinterpret_cast<uintptr_t>(memory.data()) % alignment) % alignment;
  for (size_t i = 0; i < signature.size(); ++i) {
    const Field& field = signature.fields[i];
    ctorch_array& array = made.arrays_[i];
    array = {};
    array.data = place;
    array.rank = field.rank;
    array.dtype = field.dtype;
    array.element_bytes = field.element_bytes;
    array.order = field.order;
    array.order_count = field.order == CTORCH_ORDER_PERMUTE ? field.rank : 0;
    int64_t stride = field.element_bytes;
    for (int32_t d = 0; d < field.rank; ++d) {
      array.order_dims[d] = field.order_dims[d];
      array.shape[d] = d == field.column ? columns : field.shape[d];
      array.byte_strides[d] = stride;
      stride *= array.shape[d];
    }
    place += rounded(static_cast<size_t>(field.column_bytes() * columns));
  }
  return made;
}

Arrays Arrays::part(int64_t first, int64_t count) const {
  Arrays some = *this;
  some.columns_ = count;
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const int32_t column = signature_.fields[i].column;
    some.arrays_[i].shape[column] = count;
    some.arrays_[i].data = static_cast<char*>(arrays_[i].data) + first * arrays_[i].byte_strides[column];
  }
  return some;
}

}  // namespace ftorch
