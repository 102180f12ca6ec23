"""The part of the misuse table that is about model files: those that cannot be loaded, and those that look odd and can."""

from __future__ import annotations

from .table import FILE, Row

# Files that cannot be loaded.
FILES: tuple[Row, ...] = (
    Row("missing.pt", FILE, "cannot open 'missing.pt': No such file or directory"),
    Row("no/such/folder.pt", FILE, "No such file or directory"),
    Row("", FILE, "'filename' is empty"),
    Row("directory.pt", FILE, "is a directory"),
    Row("pipe.pt", FILE, "is no regular file"),
    Row("empty.pt", FILE, "is empty"),
    Row("corrupt.pt", FILE, "is corrupt: the checksum of"),
    Row("folder_bit.pt", FILE, "is marked as a folder"),
    Row("truncated.pt", FILE, "is truncated or corrupt"),
    Row("two_contracts.pt", FILE, "its members lie in several folders"),
    Row("beheaded.pt", FILE, "is truncated or corrupt"),
    Row("notes.txt", FILE, "is no model file"),
    Row("other.zip", FILE, "is a zip archive but no PyTorch model"),
    Row("state_dict.pt", FILE, "holds weights or objects saved by torch.save"),
    Row("old_state_dict.pt", FILE, "it is a Python pickle"),
    Row("exported.pt2", FILE, "is a plain torch.export file"),
    Row("noforward.pt", FILE, "no forward method"),
    Row("contract_no_json.pt", FILE, "contract is damaged"),
    Row("contract_no_inputs.pt", FILE, "contract is damaged"),
    Row("contract_future.pt", FILE, "has format 99"),
    Row("contract_dtype.pt", FILE, "unknown dtype 'float8'"),
    Row("contract_type.pt", FILE, "contract is damaged"),
    Row("contract_two_inputs.pt", FILE, "contract is damaged: it has 2 inputs, forward takes 1; export the model again"),
    Row("contract_zero_inputs.pt", FILE, "contract is damaged: it has 0 inputs, forward takes 1"),
    Row("contract_no_outputs.pt", FILE, "contract is damaged: it has 0 outputs, forward returns 1"),
    Row("contract_output_rank.pt", FILE, "output 1 'rate' is float32 [batch], forward returns float32 [1, 3]"),
    Row("contract_output_dtype.pt", FILE, "output 1 'rate' is float64 [batch, 3], forward returns float32 [1, 3]"),
    Row("contract_negative.pt", FILE, "contract is damaged: a size is -5, expected a whole number"),
    Row("contract_fraction.pt", FILE, "contract is damaged: a size is 5.5, expected a whole number"),
    Row("contract_too_large.pt", FILE, "contract is damaged: a size is 9223372036854775808"),
    Row("contract_range.pt", FILE, "contract is damaged: batch may be 10 to 1"),
    Row("contract_range_text.pt", FILE, 'contract is damaged: a smallest size is "1"'),
    Row("contract_multiple.pt", FILE, "contract is damaged: batch may be 1 or more, a multiple of 4"),
    Row("contract_bound.pt", FILE, "contract is damaged: 'batch-x' is no end of a range"),
    Row("contract_bound_of_none.pt", FILE, "ends at 'nodes', which is no size of an input; export the model again"),
    Row("n" * 5000 + ".pt", FILE, "File name too long"),
)

# Files whose names are unusual but right.
GOOD_FILES = ("linear.pt", "modèle d'été/モデル.pt", "././././linear.pt", "./" * 1500 + "linear.pt")
