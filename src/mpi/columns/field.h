// The arrays of a call: how they look apart from the number of columns, which must be the same on all ranks.
#pragma once
#include <ctorch_array.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ftorch {

// One array whose columns are counted by one of its dimensions.
struct Field {
  int32_t dtype = 0, element_bytes = 0, rank = 0;
  int32_t column = 0;                // the dimension of the array that counts columns
  int64_t shape[CTORCH_MAX_RANK]{};  // 0 for the columns
  int32_t order = 0;                 // as the caller gave it: which dimension of the tensor each one is
  int32_t order_dims[CTORCH_MAX_RANK]{};

  int64_t column_bytes() const;
  std::string words() const;  // "(60, columns) of 4 bytes each"
  bool operator==(const Field&) const = default;
};

// Inputs, then outputs, and whether their numbers are converted.
struct Signature {
  std::vector<Field> fields;
  int32_t inputs = 0, convert = 0;

  size_t size() const { return fields.size(); }
  uint64_t digest() const;
  bool operator==(const Signature&) const = default;

  std::string to_text() const;
  static Signature from_text(const std::string& text);
  std::string difference(const Signature& other) const;  // in words; empty if there is none
};

// The arrays of one rank. They are only looked at, and must outlive this.
class Arrays {
 public:
  Arrays() = default;
  Arrays(const ctorch_array* inputs, int32_t n_inputs, const ctorch_array* outputs, int32_t n_outputs, int32_t convert);

  // Arrays of this shape in memory of our own, with columns where the caller's have them: one after the other in `memory`.
  static Arrays within(const Signature& signature, int64_t columns, std::vector<char>& memory);

  const Signature& signature() const { return signature_; }
  int64_t columns() const { return columns_; }
  const ctorch_array* inputs() const { return arrays_.data(); }
  const ctorch_array* outputs() const { return arrays_.data() + signature_.inputs; }
  const ctorch_array& operator[](size_t i) const { return arrays_[i]; }

  Arrays part(int64_t first, int64_t count) const;  // some columns of them

 private:
  Signature signature_;
  std::vector<ctorch_array> arrays_;
  int64_t columns_ = 0;
};

}  // namespace ftorch
