"""Reads the rows of the operations table (src/types/ops.fypp): what each argument is in C, in C++ and in Fortran.

The templates import this module. A row says ``args='a:operand dim:dim? keepdim:flag'``: name and form of every argument, where an
argument without a form is a tensor. ``FORMS`` is the list of forms. What a call looks like follows from the forms alone, so a new
operation needs no code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


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
        "operand_of({n}, '{n}')",
        "tensor or number",
    ),
    "number": Form(
        "const ctorch_operand *{n}",
        'const at::Scalar {n} = number({n}_, "{n}");',
        "class(*), intent(in) :: {n}",
        "number_of({n}, '{n}')",
        "number",
    ),
    "number?": Form(
        "const ctorch_operand *{n}",
        'const std::optional<at::Scalar> {n} = optional_number({n}_, "{n}");',
        "class(*), optional, intent(in) :: {n}",
        "number_of({n}, '{n}')",
        "number",
        optional=True,
    ),
    "number=": Form(
        "const ctorch_operand *{n}",
        'const at::Scalar {n} = optional_number({n}_, "{n}").value_or(at::Scalar({d}));',
        "class(*), optional, intent(in) :: {n}",
        "number_of({n}, '{n}')",
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
        "integer_or({n}, 0)",
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


@dataclass(frozen=True)
class Argument:
    """One argument of an operation."""

    name: str
    form: str
    default: str
    rank: str

    def _fill(self, pattern: str) -> str:
        return pattern.format(n=self.name, d=self.default, rank=self.rank)

    @property
    def shape(self) -> Form:
        """The form's row."""
        return FORMS[self.form]

    @property
    def c(self) -> str:
        """Parameters in the C header."""
        return self._fill(self.shape.c)

    @property
    def cxx_parameter(self) -> str:
        """The same in C++, where the name without the underscore is what becomes of it."""
        return self.shape.c.format(n=self.name + "_").replace(" *", "* ")

    @property
    def cxx(self) -> str:
        """C++ statements that turn the parameter into what PyTorch takes."""
        return self._fill(self.shape.cxx)

    @property
    def fortran(self) -> str:
        """Declaration of the Fortran dummy argument."""
        return self._fill(self.shape.fortran)

    @property
    def dummies(self) -> str:
        """Names of the Fortran dummy arguments."""
        return f"{self.name}_type, {self.name}_index" if self.form == "device?" else self.name

    @property
    def actual(self) -> str:
        """What Fortran passes to C."""
        return self._fill(self.shape.actual)


@dataclass(frozen=True)
class Operation:
    """One row of the table."""

    name: str
    group: str
    args: tuple[Argument, ...]
    cxx: str
    torch: str
    doc: str
    operator: str | None = None
    intrinsic: str | None = None
    results: tuple[str, ...] = ()
    in_place: bool = False
    generic: bool = True

    @property
    def procedure(self) -> str:
        """Name of the Fortran procedure."""
        return f"torch_tensor_{self.name}" if self.in_place else f"torch_{self.name}"

    @property
    def entry(self) -> str:
        """Name of the C entry."""
        return f"ctorch_op_{self.name}_in_place" if self.in_place else f"ctorch_op_{self.name}"

    @property
    def function(self) -> bool:
        """Whether the Fortran procedure is a function; several results, or none, make it a subroutine."""
        return not self.in_place and not self.results

    @property
    def binary_operator(self) -> bool:
        """Whether it is an operator of two operands, with specifics for numbers and arrays."""
        return self.operator is not None and all(a.form == "operand" for a in self.args)

    def parameters(self, cxx: bool = False) -> str:
        """Parameters of the C entry."""
        parts = [a.cxx_parameter if cxx else a.c for a in self.args]
        if self.function:
            parts += ["int32_t lifetime", "ctorch_tensor *result"]
        for name in self.results:
            parts.append(f"ctorch_tensor {name}, int32_t n_{name[:-2]}" if name.endswith("[]") else f"ctorch_tensor *{name}")
        text = ", ".join(parts)
        return text.replace(" *", "* ") if cxx else text

    @property
    def described(self) -> str:
        """C++ list of the arguments that a message describes."""
        pointers = {"tensor": "&{}", "operand": "{}.tensor_or_none()"}
        return ", ".join(f'{{"{a.name}", {pointers[a.form].format(a.name)}}}' for a in self.args if a.form in pointers)

    @property
    def sources(self) -> list[str]:
        """C++ names of the arguments in whose memory the result may lie, false if there are none."""
        names = {"tensor": "{}_in", "tensor?": "{}_in", "tensors": "{}_in", "operand": "{}"}
        return [names[a.form].format(a.name) for a in self.args if a.form in names] or ["false"]

    @property
    def imports(self) -> set[str]:
        """Helpers that the Fortran procedure calls."""
        text = " ".join(a.actual for a in self.args)
        return {name for name in HELPERS if f"{name}(" in text}


#: Fortran functions that turn dummy arguments into what C takes.
HELPERS = (
    "handle_or_null", "handles", "operand_of", "number_of", "integer_or", "list_of", "count_of", "text_or_blank", "text_length",
)  # fmt: skip


def arguments(text: str) -> tuple[Argument, ...]:
    """Read ``'a:operand dim:dim?'``."""
    parsed: list[tuple[str, str, str]] = []
    for word in text.split():
        name, _, form = word.partition(":")
        form, equals, default = form.partition("=")
        parsed.append((name, (form or "tensor") + equals, default))
    rank = "0"
    for name, form, _ in parsed:
        if form in ("tensor", "tensors"):
            rank = f"{name}.dim()" if form == "tensor" else f"{name}_in.rank()"
            break
    for name, form, _ in parsed:
        if form not in FORMS:
            raise ValueError(f"argument '{name}' has the unknown form '{form}'; known are {', '.join(FORMS)}")
    return tuple(Argument(name, form, default, rank) for name, form, default in parsed)


def read(groups: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[Operation]:
    """Read the table: rows by group.

    Raises
    ------
    ValueError
        For a row that cannot be understood.
    """
    table = []
    for group, rows in groups.items():
        for row in rows:
            fields = dict(row)
            args = arguments(fields.pop("args"))
            results = tuple(fields.pop("results", "").split())
            table.append(Operation(group=group, args=args, results=results, **fields))
    names = [op.entry for op in table]
    if len(set(names)) != len(names):
        raise ValueError(f"twice in the table: {sorted({n for n in names if names.count(n) > 1})}")
    return table
