"""The forms that an argument of an operation can have (see operations.py), and what each is in C, in C++ and in Fortran."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """What one form of argument looks like; ``{n}`` stands for its name, ``{d}`` for its default."""

    c: str
    cxx: str
    fortran: str
    actual: str
    text: str
    optional: bool = False


#: C prototypes, C++ lines that make ``n`` of ``n_``, Fortran declarations, what Fortran passes, words for the documentation.
FORMS: dict[str, Form] = {
    "tensor": Form(
        "const ctorch_tensor *{n}",
        "Input {n}_in({n}_, \"argument '{n}'\"); const at::Tensor& {n} = *{n}_in;",
        "type(torch_tensor), intent(in) :: {n}",
        "{n}%p",
        "tensor",
    ),
    "tensor?": Form(
        "const ctorch_tensor *{n}",
        "OptionalInput {n}_in({n}_, \"argument '{n}'\"); const std::optional<at::Tensor> {n} = {n}_in.value();",
        "type(torch_tensor), optional, intent(in) :: {n}",
        "handle_or_null({n})",
        "tensor",
        optional=True,
    ),
    "tensors": Form(
        "const ctorch_tensor {n}[], int32_t n_{n}",
        "InputList {n}_in({n}_, n_{n}_, \"argument '{n}'\"); const std::vector<at::Tensor>& {n} = {n}_in.values();",
        "type(torch_tensor), intent(in) :: {n}(:)",
        "handles({n}), int(size({n}), c_int32_t)",
        "tensors",
    ),
    "operand": Form(
        "const ctorch_operand *{n}",
        "Operand {n}({n}_, \"argument '{n}'\");",
        "class(*), intent(in) :: {n}",
        "operand_of({n})",
        "tensor or number",
    ),
    "number": Form(
        "const ctorch_operand *{n}",
        'const at::Scalar {n} = number({n}_, "{n}");',
        "class(*), intent(in) :: {n}",
        "number_of({n})",
        "number",
    ),
    "number?": Form(
        "const ctorch_operand *{n}",
        'const std::optional<at::Scalar> {n} = optional_number({n}_, "{n}");',
        "class(*), optional, intent(in) :: {n}",
        "number_of({n})",
        "number",
        optional=True,
    ),
    "number=": Form(
        "const ctorch_operand *{n}",
        'const at::Scalar {n} = optional_number({n}_, "{n}").value_or(at::Scalar({d}));',
        "class(*), optional, intent(in) :: {n}",
        "number_of({n})",
        "number",
        optional=True,
    ),
    "integer": Form("int64_t {n}", "const int64_t {n} = {n}_;", "integer, intent(in) :: {n}", "int({n}, c_int64_t)", "integer"),
    "integer=": Form(
        "int64_t {n}",
        "const int64_t {n} = {n}_;",
        "integer, optional, intent(in) :: {n}",
        "integer_or({n}, {d})",
        "integer",
        optional=True,
    ),
    "integer?": Form(
        "int64_t {n}",
        "const std::optional<int64_t> {n} = optional_integer({n}_);",
        "integer, optional, intent(in) :: {n}",
        "integer_or({n}, absent)",
        "integer",
        optional=True,
    ),
    "integers": Form(
        "const int64_t {n}[], int32_t n_{n}",
        'const c10::IntArrayRef {n} = integers({n}_, n_{n}_, "{n}");',
        "integer, intent(in) :: {n}(:)",
        "int({n}, c_int64_t), int(size({n}), c_int32_t)",
        "integers",
    ),
    "integers=": Form(
        "const int64_t {n}[], int32_t n_{n}",
        'const Integers {n}_list({n}_, n_{n}_, "{n}", {d}); const c10::IntArrayRef {n} = {n}_list.all();',
        "integer, optional, intent(in) :: {n}(..)",
        "list_of({n}, '{n}'), count_of({n})",
        "integer or integers",
        optional=True,
    ),
    "flag": Form(
        "int32_t {n}",
        "const bool {n} = {n}_ != 0;",
        "logical, optional, intent(in) :: {n}",
        "flag({n})",
        "logical",
        optional=True,
    ),
    "flag=": Form(
        "int32_t {n}",
        "const bool {n} = {n}_ != 0;",
        "logical, optional, intent(in) :: {n}",
        "flag({n}, {d})",
        "logical",
        optional=True,
    ),
    "dim": Form(
        "int64_t {n}",
        'const int64_t {n} = dimension({n}_, "{n}", {rank});',
        "integer, intent(in) :: {n}",
        "int({n}, c_int64_t)",
        "dimension",
    ),
    "newdim": Form(
        "int64_t {n}",
        'const int64_t {n} = dimension({n}_, "{n}", {rank} + 1);',
        "integer, intent(in) :: {n}",
        "int({n}, c_int64_t)",
        "dimension",
    ),
    "newdim=": Form(
        "int64_t {n}",
        'const int64_t {n} = dimension({n}_, "{n}", {rank} + 1);',
        "integer, optional, intent(in) :: {n}",
        "integer_or({n}, {d})",
        "dimension",
        optional=True,
    ),
    "dim=": Form(
        "int64_t {n}",
        'const int64_t {n} = dimension({n}_, "{n}", {rank});',
        "integer, optional, intent(in) :: {n}",
        "integer_or({n}, {d})",
        "dimension",
        optional=True,
    ),
    "dim?": Form(
        "int64_t {n}",
        'const std::optional<int64_t> {n} = optional_dimension({n}_, "{n}", {rank});',
        "integer, optional, intent(in) :: {n}",
        "integer_or({n}, absent)",
        "dimension",
        optional=True,
    ),
    "dims": Form(
        "const int64_t {n}[], int32_t n_{n}",
        'const Dimensions {n}_list({n}_, n_{n}_, "{n}", {rank}); const c10::IntArrayRef {n} = {n}_list.all();',
        "integer, intent(in) :: {n}(:)",
        "int({n}, c_int64_t), int(size({n}), c_int32_t)",
        "dimensions",
    ),
    "dims?": Form(
        "const int64_t {n}[], int32_t n_{n}",
        'const Dimensions {n}_list({n}_, n_{n}_, "{n}", {rank}); const at::OptionalIntArrayRef {n} = {n}_list.optional();',
        "integer, optional, intent(in) :: {n}(..)",
        "list_of({n}, '{n}'), count_of({n})",
        "dimension or dimensions",
        optional=True,
    ),
    "text": Form(
        "const char *{n}, int64_t length_{n}",
        'const std::string {n} = text({n}_, length_{n}_, "{n}");',
        "character(len=*), intent(in) :: {n}",
        "{n}, len_trim({n}, kind=c_int64_t)",
        "text",
    ),
    "text=": Form(
        "const char *{n}, int64_t length_{n}",
        'const std::string {n} = text({n}_, length_{n}_, "{n}", {d});',
        "character(len=*), optional, intent(in) :: {n}",
        "text_or_blank({n}), text_length({n})",
        "text",
        optional=True,
    ),
    "reduction=": Form(
        "int32_t {n}",
        'const int64_t {n} = reduction({n}_, "{n}");',
        "integer(ftorch_int), optional, intent(in) :: {n}",
        "int_or({n}, torch_kMean)",
        "torch_kNone, torch_kMean or torch_kSum",
        optional=True,
    ),
    "dtype?": Form(
        "int32_t {n}",
        "const std::optional<at::ScalarType> {n} = optional_dtype({n}_);",
        "integer(ftorch_int), optional, intent(in) :: {n}",
        "int_or({n}, -1_c_int32_t)",
        "torch_k constant",
        optional=True,
    ),
    "device?": Form(
        "int32_t {n}_type, int32_t {n}_index",
        "const std::optional<c10::Device> {n} = optional_device({n}__type, {n}__index);",
        "integer(ftorch_int), optional, intent(in) :: {n}_type, {n}_index",
        "int_or({n}_type, -1_c_int32_t), int_or({n}_index, -1_c_int32_t)",
        "device_type, device_index",
        optional=True,
    ),
}
