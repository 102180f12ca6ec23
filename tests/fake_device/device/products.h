// Whether products of matrices may be in TensorFloat-32 while the device computes them: what a kernel of a GPU asks, too.
#pragma once

namespace fake {

void note_products();  // by a kernel or compiled code that multiplies, on the calling thread

}  // namespace fake
