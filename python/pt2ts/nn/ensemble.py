"""Several trained networks as one model: one file, one call from Fortran."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import DeclarationError

_ANSWERS = ("members", "mean", "moments")


class Ensemble(nn.Module):
    """Ask several networks the same and give all their answers, the mean, or mean and spread.

    Parameters
    ----------
    members
        Networks that take the same arguments and give results of the same shapes, such as those of several trainings from other
        first weights (Lakshminarayanan et al. 2017). Weights are named ``members.0...``, ``members.1...``. One that is there
        twice has one set of weights.
    answer
        ``members``: each result [batch, ...] becomes [batch, member, ...]. ``mean``: their mean. ``moments``: for each result its
        mean, and behind it the standard deviation over the members (n - 1 in the denominator).

    Raises
    ------
    DeclarationError
        Without members, with one where a spread is asked for, with something else than a network, or an unknown answer.
    """

    def __init__(self, members: Sequence[nn.Module], answer: str = "members") -> None:
        super().__init__()
        if answer not in _ANSWERS:
            raise DeclarationError(f"answer is '{answer}'", f"one of {', '.join(_ANSWERS)}")
        others = [type(member).__name__ for member in members if not isinstance(member, nn.Module)]
        if others:
            raise DeclarationError(
                f"a member is a {others[0]}, not a torch.nn.Module", "build the network and load its weights first"
            )
        least = 2 if answer == "moments" else 1
        if len(members) < least:
            raise DeclarationError(f"there are {len(members)} members, '{answer}' needs {least} or more", "give them in a list")
        self.members = nn.ModuleList(members)
        self.answer = answer

    def forward(self, *inputs: Tensor) -> Any:
        """Return a tensor, or a tuple of them where there are several."""
        found = [member(*inputs) for member in self.members]
        if isinstance(found[0], Tensor):
            found = [(result,) for result in found]
        if not isinstance(found[0], (tuple, list)):
            raise TypeError(f"a member returns a {type(found[0]).__name__}, and an ensemble joins tensors or tuples of them")
        joined = tuple(answer for results in zip(*found, strict=True) for answer in self._joined(results))
        return joined if len(joined) > 1 else joined[0]

    def _joined(self, results: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return what becomes of one result of all members."""
        if self.answer == "members":
            return (torch.stack(tuple(results), 1),)
        stacked = torch.stack(tuple(results))
        mean = stacked.mean(0)
        return (mean,) if self.answer == "mean" else (mean, stacked.std(0))
