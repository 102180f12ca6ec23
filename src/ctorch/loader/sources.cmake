# The libraries that include nothing of PyTorch: libctorch, or its stub under the same name, and libctorch_rebind, which is one of its
# own so that its constructor can be the first to run of all that is loaded with the implementation.
if(FTORCH_STUB)
  add_library(ctorch SHARED "${CMAKE_CURRENT_LIST_DIR}/stub.c")
else()
  add_library(ctorch_rebind SHARED "${CMAKE_CURRENT_LIST_DIR}/rebind.c")
  ctorch_configure(ctorch_rebind)
  target_link_libraries(ctorch_rebind PRIVATE ${CMAKE_DL_LIBS})
  target_link_options(ctorch_rebind PRIVATE LINKER:-z,initfirst)

  find_package(Threads REQUIRED)
  add_library(ctorch SHARED "${CMAKE_CURRENT_LIST_DIR}/loader.c")
  target_link_libraries(ctorch PRIVATE Threads::Threads ${CMAKE_DL_LIBS} m)
  # What was loaded stays, also if the program closes it: threads may be in a call.
  target_link_options(ctorch PRIVATE LINKER:-z,nodelete)
endif()
ctorch_configure(ctorch)
set_target_properties(ctorch PROPERTIES LINKER_LANGUAGE C SOVERSION ${FTORCH_INTERFACE_MAJOR})
add_library(FTorch::ctorch ALIAS ctorch)
