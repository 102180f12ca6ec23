#include "columns/message.h"

#include <climits>
#include <utility>

#include "core/error.h"
#include "core/group.h"

namespace ftorch {
namespace {

// A datatype that is freed, unless it is released.
class Type {
 public:
  explicit Type(MPI_Datatype type) : type_(type) {}
  Type(const Type&) = delete;
  Type& operator=(const Type&) = delete;
  ~Type() {
    if (type_ != MPI_DATATYPE_NULL) MPI_Type_free(&type_);
  }
  MPI_Datatype get() const { return type_; }
  MPI_Datatype release() { return std::exchange(type_, MPI_DATATYPE_NULL); }
  void replace(MPI_Datatype type) {
    MPI_Type_free(&type_);
    type_ = type;
  }

 private:
  MPI_Datatype type_;
};

int counted(int64_t n) {
  if (n > INT_MAX) fail(CTORCH_ERROR_ARGUMENT, "an array has ", n, " elements in a row, more than MPI counts");
  return static_cast<int>(n);
}

// Elements of an array in Fortran's order, of some columns. Neighbours in memory become one block.
MPI_Datatype type_of(const Field& field, const ctorch_array& array, int64_t columns) {
  MPI_Datatype made = MPI_DATATYPE_NULL;
  check(MPI_Type_contiguous(field.element_bytes, MPI_BYTE, &made), "MPI_Type_contiguous");
  Type type(made);
  int64_t dense = field.element_bytes;  // bytes without gaps; 0 when there are some
  for (int32_t d = 0; d < field.rank; ++d) {
    const int64_t n = d == field.column ? columns : field.shape[d], stride = array.byte_strides[d];
    if (n == 1) continue;
    if (stride == dense) {
      check(MPI_Type_contiguous(counted(n), type.get(), &made), "MPI_Type_contiguous");
      dense *= n;
    } else {
      check(MPI_Type_create_hvector(counted(n), 1, stride, type.get(), &made), "MPI_Type_create_hvector");
      dense = 0;
    }
    type.replace(made);
  }
  return type.release();
}

}  // namespace

Message::Message(Message&& other) noexcept
    : type_(std::exchange(other.type_, MPI_DATATYPE_NULL)), described_(std::move(other.described_)), bytes_(other.bytes_) {}

Message::~Message() {
  int ended = 0;
  MPI_Finalized(&ended);
  if (!ended) forget();
}

void Message::forget() {
  if (type_ != MPI_DATATYPE_NULL) MPI_Type_free(&type_);
  type_ = MPI_DATATYPE_NULL;
  described_.clear();
  bytes_ = 0;
}

void Message::describe(const Arrays& arrays, bool outputs, int64_t first, int64_t count) {
  const auto inputs = static_cast<size_t>(arrays.signature().inputs);
  const size_t begin = outputs ? inputs : 0, end = outputs ? arrays.signature().size() : inputs;
  std::vector<int64_t> wanted = {first, count};
  for (size_t i = begin; i < end; ++i) {
    const Field& field = arrays.signature().fields[i];
    wanted.insert(wanted.end(), {reinterpret_cast<intptr_t>(arrays[i].data), field.element_bytes, field.rank, field.column});
    wanted.insert(wanted.end(), field.shape, field.shape + field.rank);
    wanted.insert(wanted.end(), arrays[i].byte_strides, arrays[i].byte_strides + field.rank);
  }
  if (wanted == described_) return;
  forget();
  std::vector<MPI_Datatype> types;
  std::vector<MPI_Aint> places;
  int64_t bytes = 0;
  for (size_t i = begin; i < end && count > 0; ++i) {
    const Field& field = arrays.signature().fields[i];
    if (field.column_bytes() == 0) continue;
    types.push_back(type_of(field, arrays[i], count));
    MPI_Aint place = 0;
    MPI_Get_address(static_cast<char*>(arrays[i].data) + first * arrays[i].byte_strides[field.column], &place);
    places.push_back(place);
    bytes += field.column_bytes() * count;
  }
  if (!types.empty()) {
    const std::vector<int> ones(types.size(), 1);
    check(MPI_Type_create_struct(static_cast<int>(types.size()), ones.data(), places.data(), types.data(), &type_),
          "MPI_Type_create_struct");
    for (MPI_Datatype& type : types) MPI_Type_free(&type);
    check(MPI_Type_commit(&type_), "MPI_Type_commit");
  }
  bytes_ = bytes;
  described_ = std::move(wanted);
}

void Message::send(MPI_Comm comm, int to, int tag, MPI_Request* request) const {
  const bool some = type_ != MPI_DATATYPE_NULL;
  check(MPI_Isend(MPI_BOTTOM, some ? 1 : 0, some ? type_ : MPI_BYTE, to, tag, comm, request), "MPI_Isend");
}

void Message::receive(MPI_Comm comm, int from, int tag, MPI_Request* request) const {
  const bool some = type_ != MPI_DATATYPE_NULL;
  check(MPI_Irecv(MPI_BOTTOM, some ? 1 : 0, some ? type_ : MPI_BYTE, from, tag, comm, request), "MPI_Irecv");
}

}  // namespace ftorch
