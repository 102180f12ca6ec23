"""The part of the misuse table that is about what has no stat: the messages with which the program stops."""

from __future__ import annotations

# Functions, operators and assignment have no stat: what they say when they stop the program.
STOPS: dict[str, tuple[tuple[str, str], ...]] = {
    "operations": (
        ("stops_sum_shapes", "operator(+): The size of tensor a (3) must match the size of tensor b (4)"),
        ("stops_dim", "torch_softmax: argument 'dim': expected a dimension from 1 to 1, or from -1 to -1 counted from the last"),
        ("stops_dim_zero", "torch_sum: argument 'dim': expected a dimension from 1 to 1"),
        ("stops_dims_twice", "torch_sum: dim 0 appears multiple times"),
        ("stops_deleted", "torch_exp: argument 'a' is not initialised"),
        ("stops_two_numbers", "torch_maximum: expected at least one tensor, got two numbers"),
        ("stops_character", "argument 'b': expected a tensor, or an integer, real, complex or logical number"),
        ("stops_tensor_for_number", "torch_clamp: argument 'min': expected an integer, real, complex or logical number"),
        ("stops_slice_range", "torch_slice: expected first and last from 1 to 3, got 2 and 4"),
        ("stops_slice_step", "torch_slice: argument 'step': expected 1 or more, got -1; torch_flip reverses the order"),
        ("stops_huge", "torch_ones: "),
        ("stops_negative_power", "operator(**): Integers to negative integer powers are not allowed"),
        ("stops_reshape", "torch_reshape: shape '[2, 2]' is invalid for input of size 3"),
        ("stops_no_tensors", "torch_cat: argument 'tensors': expected at least one tensor, got none"),
        ("stops_equation", "torch_einsum: einsum(): the number of subscripts in the equation (2)"),
        ("stops_singular", "the inversion could not be completed because the input matrix is singular"),
        ("stops_index", "torch_index_select: index out of range"),
        ("stops_matmul", "(with a float32 [3], b float32 [4])"),
        ("stops_arange_step", "torch_arange: argument 'step': expected a whole number, as dtype asks for whole ones, got 0.5"),
        ("stops_dtype", "77 is no torch_k* dtype constant"),
        ("stops_inside_expression", "torch_reshape: shape '[2]' is invalid for input of size 3"),
    ),
    "batches": (("stops_not_created", "there are no samples yet: call torch_batches_create first"),),
    "handles": (
        ("stops_rank_of_null", "torch_tensor_get_rank: tensor is not initialised"),
        ("stops_sum_of_null", "operator(+): argument 'b' is not initialised"),
        ("stops_sum_of_shapes", "The size of tensor a (3) must match the size of tensor b (4)"),
        ("stops_left_unallocated", "the left side of the assignment is not allocated; allocate it first"),
        ("stops_wrapped_shape", "which keeps its shape: it is float32 [4], the values are float32 [1]"),
        ("stops_wrapped_dtype", "float32 values do not all fit into the int32 tensor"),
        ("stops_wrapped_narrower", "float64 values do not all fit into the float32 tensor they are assigned to"),
        ("stops_expression_twice", "expression already consumed; assign it to a variable first"),
        ("stops_expression_assigned", "expression already consumed; assign it to a variable first"),
        ("stops_associate_twice", "expression already consumed; assign it to a variable first"),
        ("stops_shape_of_expression", "the shape of an expression would vanish with it"),
    ),
    "results": (("stops_blob_huge", "torch_tensor_from_blob: argument 'tensor_shape': [4, 9223372036854775807, 4]"),),
    "values": (("stops_self_assignment", "delete"),),  # used after it, or deleted since
    "derivatives": (
        ("stops_unrelated", "torch_jacobian: y does not depend on x: give the very variable that it was computed from"),
        ("stops_copy", "an assignment like copy = x makes a tensor of its own"),
        ("stops_complex", "torch_jacobian: y: expected a real tensor, got complex128 [3]"),
        ("stops_hessian_of_vector", "y: expected a single number, got float64 [3]; sum it"),
        ("stops_vjp_shape", "torch_vjp: argument 'v': expected the shape of y, [], got [3]"),
        ("stops_jvp_shape", "torch_jvp: argument 'v': expected the shape of x, [3], got []"),
        ("stops_freed", "torch_jacobian: the graph was freed by the call that ran through it before"),
        ("stops_not_recorded", "x does not require gradients"),
        ("stops_gradient_missing", "torch_gradient: the tensor has no gradient"),
    ),
    "elements": (
        ("stops_get_outside", "index 1 is 0, outside 1 to 2 of float32 [2, 3]"),
        ("stops_get_count", "expected 2 indices for float32 [2, 3], got 0"),
        ("stops_get_long", "a real64 does not hold 9007199254740993 exactly"),
    ),
}
