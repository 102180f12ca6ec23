# The JSON reader of the C++ code, nlohmann/json.hpp: from the system, or from the Python package nlohmann-json.
include_guard()

find_package(nlohmann_json QUIET)
if(NOT nlohmann_json_FOUND)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c "import nlohmann_json; print(nlohmann_json.__path__[0])"
    OUTPUT_VARIABLE json OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  find_path(FTORCH_JSON_INCLUDE_DIR nlohmann/json.hpp HINTS "${json}/include")
  if(NOT FTORCH_JSON_INCLUDE_DIR)
    message(FATAL_ERROR "nlohmann/json.hpp was not found: ${Python_EXECUTABLE} -m pip install nlohmann-json")
  endif()
  add_library(nlohmann_json::nlohmann_json INTERFACE IMPORTED GLOBAL)
  target_include_directories(nlohmann_json::nlohmann_json SYSTEM INTERFACE "${FTORCH_JSON_INCLUDE_DIR}")
endif()
