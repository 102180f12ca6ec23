"""The part of the misuse table that is about what was saved: optimizers, checkpoints, states of models."""

from __future__ import annotations

from .table import ARGUMENT, FILE, HANDLE, SUCCESS, Row

STATES: dict[str, tuple[Row, ...]] = {
    "optim_load": (
        Row("momentum_gone", ARGUMENT, "made with momentum=0.9, that of this one with momentum=0; make it in the same way"),
        Row("momentum_new", ARGUMENT, "made with momentum=0, that of this one with momentum=0.9; make it in the same way"),
        Row("rms_momentum_gone", ARGUMENT, "made with momentum=0.9, that of this one with momentum=0; make it in the same way"),
        Row("rms_momentum_new", ARGUMENT, "made with momentum=0, that of this one with momentum=0.9; make it in the same way"),
        Row("rms_centered", ARGUMENT, "made with centered=.true., that of this one with centered=.false."),
        Row("nesterov_gone", ARGUMENT, "made with nesterov=.true., that of this one with nesterov=.false."),
        Row("amsgrad_gone", ARGUMENT, "made with amsgrad=.true., that of this one with amsgrad=.false."),
        Row("amsgrad_new", ARGUMENT, "made with amsgrad=.false., that of this one with amsgrad=.true."),
        Row("wolfe_new", ARGUMENT, "made with strong_wolfe=.false., that of this one with strong_wolfe=.true."),
        Row("more_groups", ARGUMENT, "the saved state has more parameter groups than the 1 of this optimizer"),
        Row("fewer_groups", ARGUMENT, "the saved state has no numbers 'group.2'"),
        Row("other_shapes", ARGUMENT, "'group.1.parameter.1.exp_avg': expected float64 [3], the saved state has float64 [2]"),
        Row("old_momentum", SUCCESS),
        Row("old_amsgrad", ARGUMENT, "has 'group.1.parameter.1.max_exp_avg_sq', which this optimizer does not remember"),
        Row("other_numbers", SUCCESS),
        Row("shorter_history", SUCCESS),
        Row("option_of_others", ARGUMENT, "the optimizer 'sgd' has no number 'beta_1'; it has momentum, dampening"),
        Row("option_to_zero", ARGUMENT, "made with momentum=0.5, and what it remembers depends on that, so it cannot become 0"),
        Row("option_range", ARGUMENT, "argument 'beta_2': expected a number from 0 to below 1, got 1"),
        Row("option_set", SUCCESS),
        Row("group_option", ARGUMENT, "the optimizer 'sgd' has no number 'eps'; it has momentum, dampening"),
    ),
    "checkpoint": (
        Row("fitting", SUCCESS),
        Row("other_optimizer", ARGUMENT, "the saved state has no numbers 'adam': it belongs to another optimizer"),
        Row("other_options", ARGUMENT, "made with momentum=0.9, that of this one with momentum=0; make it in the same way"),
        Row("other_schedule", ARGUMENT, "numbers belong to another kind of schedule"),
        Row("no_optimizer", ARGUMENT, "'misuse.ckpt' was saved without an optimizer"),
        Row("no_schedule", ARGUMENT, "'misuse.ckpt' was saved without a schedule"),
        Row("no_step", ARGUMENT, "'misuse.ckpt' was saved without a step"),
        Row("more_count", ARGUMENT, "holds 1 tensors of argument 'more', got an array of 2"),
        Row("more_shape", ARGUMENT, "as tensor 1 of argument 'more', the array given for it is float32 [2]"),
        Row("other_model", ARGUMENT, "the checkpoint 'misuse.ckpt'"),
        Row("truncated", FILE, "misuse.ckpt"),
        Row("plain_state", ARGUMENT, "is no checkpoint of torch_checkpoint_save"),
        Row("missing", FILE, "missing.ckpt"),
        Row("schedule_not_made", HANDLE, "the schedule is not initialised"),
        Row("state_truncated", FILE, "misuse.state"),
        Row("state_of_checkpoint", ARGUMENT, "layer.bias"),
        Row("parameter_name", ARGUMENT, "the model has no parameter 'layer.biass'; it has: layer.weight, layer.bias"),
        Row("parameter_shape", ARGUMENT, "pass exactly that shape"),
        Row("parameter_dtype", ARGUMENT, "pass convert=.true. or values of that dtype"),
        Row("freeze_nothing", ARGUMENT, "'encoder.*' matches no parameter; the model has: layer.weight, layer.bias"),
    ),
}
