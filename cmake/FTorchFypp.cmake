# Expands fypp templates, with their includes tracked: an edit of a table in src/types rebuilds what was made from it.
include_guard()

# The Python that is active: its fypp expands the templates, its PyTorch is what we build for.
set(Python_FIND_STRATEGY LOCATION)
set(Python_FIND_VIRTUALENV FIRST)
find_package(Python REQUIRED COMPONENTS Interpreter)

cmake_path(GET Python_EXECUTABLE PARENT_PATH scripts)
find_program(FTORCH_FYPP fypp HINTS "${scripts}")
if(NOT FTORCH_FYPP)
  message(FATAL_ERROR "The template processor fypp was not found: ${Python_EXECUTABLE} -m pip install 'fypp>=3.3'")
endif()
execute_process(COMMAND "${FTORCH_FYPP}" --version OUTPUT_VARIABLE fypp_version OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REGEX MATCH "[0-9][0-9.]*" fypp_version "${fypp_version}")
if(fypp_version VERSION_LESS 3.3) # 3.3 is the first that writes dependency files
  message(FATAL_ERROR "${FTORCH_FYPP} is version ${fypp_version}; at least 3.3 is needed")
endif()

# ftorch_fypp(<output> <input> [options of fypp...])
function(ftorch_fypp output input)
  cmake_path(ABSOLUTE_PATH input)
  cmake_path(GET output PARENT_PATH folder)
  file(MAKE_DIRECTORY "${folder}")
  # Fortran lines end at column 132; C lines must not be folded at all.
  if(output MATCHES "\\.f90$")
    set(folding --line-length=132 --folding-mode=simple)
  else()
    set(folding --no-folding)
  endif()
  cmake_path(RELATIVE_PATH output BASE_DIRECTORY "${PROJECT_BINARY_DIR}" OUTPUT_VARIABLE shown)
  add_custom_command(
    OUTPUT "${output}"
    COMMAND "${FTORCH_FYPP}" -I "${PROJECT_SOURCE_DIR}/src/types" -M "${PROJECT_SOURCE_DIR}/src/bindings" -m operations -m optimizers ${ARGN} ${folding} --depfile "${output}.d" "${input}" "${output}"
    DEPENDS "${input}" "${PROJECT_SOURCE_DIR}/src/bindings/forms.py" "${PROJECT_SOURCE_DIR}/src/bindings/operations.py"
      "${PROJECT_SOURCE_DIR}/src/bindings/optimizers.py"
    DEPFILE "${output}.d"
    COMMENT "Expanding ${shown}"
    VERBATIM)
endfunction()
