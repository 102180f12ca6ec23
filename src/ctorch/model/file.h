// What kind of model a file holds, found out from its content.
#pragma once
#include <string>

#include "io/archive.h"

namespace ctorch {

enum class ModelFormat { torchscript, package };

// Reads a model file, with the sum that it must have or an empty text.
Archive open_model_file(const FileSource& source, const std::string& sha256);

// Recognizes the format and, of TorchScript, verifies the checksum of everything in the file; throws, saying what the file is
// and what to do, for a file that is corrupt or of a kind that cannot run. (Packages verify themselves.)
ModelFormat format_of(const Archive& archive);

}  // namespace ctorch
