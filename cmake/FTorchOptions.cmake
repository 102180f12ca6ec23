# How this project compiles its own sources. Nothing here reaches the programs that use the libraries.
include_guard()

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Type of build" FORCE)
endif()

# Applied by ftorch_compile_options; not linked as a target, which would put it among the installed dependencies.
# Only compilers that are known to understand an option get it.
set(warnings -Wall -Wextra $<$<BOOL:${FTORCH_WERROR}>:-Werror>)
set(FTORCH_WARNINGS
  "$<$<COMPILE_LANG_AND_ID:C,GNU,Clang,AppleClang,IntelLLVM>:${warnings}>"
  "$<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang,AppleClang,IntelLLVM>:${warnings}>"
  "$<$<COMPILE_LANG_AND_ID:Fortran,GNU,LLVMFlang>:${warnings}>")
if(FTORCH_SANITIZE MATCHES "^(address|thread|undefined|,)+$")
  set(FTORCH_SANITIZERS -fsanitize=${FTORCH_SANITIZE} -fno-omit-frame-pointer -g)
elseif(FTORCH_SANITIZE)
  set(FTORCH_SANITIZERS -fsanitize=address,undefined -fno-omit-frame-pointer -g)
endif()

# C and C++: only what the header declares is visible. -O2 replaces CMake's -O3, which buys nothing in code that calls libtorch
# and costs a fifth of the build time.
function(ftorch_compile_options target)
  target_compile_options(${target} PRIVATE
    ${FTORCH_WARNINGS}
    "$<$<CONFIG:Release>:-O2>"
    "$<$<COMPILE_LANGUAGE:C,CXX>:${FTORCH_SANITIZERS}>"
    "$<$<COMPILE_LANG_AND_ID:Fortran,GNU>:-std=f2018>")
  target_link_options(${target} PRIVATE ${FTORCH_SANITIZERS})
  if(NOT FTORCH_SANITIZE)
    target_link_options(${target} PRIVATE LINKER:-z,defs)
  endif()
  set_target_properties(${target} PROPERTIES
    C_STANDARD 11 C_STANDARD_REQUIRED ON
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF CXX_SCAN_FOR_MODULES OFF
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
endfunction()
