// What kind of model a file holds, found out from its content.
#pragma once
#include <string>

namespace ctorch {

enum class ModelFormat { torchscript };

// Recognizes the format and verifies the checksum of everything in the file; throws, saying what the file is and what to do,
// for a file that is missing, truncated, corrupt or of a kind that cannot run.
ModelFormat inspect_model_file(const std::string& path);

}  // namespace ctorch
