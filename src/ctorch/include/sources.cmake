# The C interface: headers as they are, and some that are made from the tables.
file(GLOB headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/*.h")
foreach(name IN ITEMS ctorch_types.h ctorch_ops.h ctorch_optim.h)
  ftorch_fypp("${generated}/include/${name}" "${CMAKE_CURRENT_LIST_DIR}/${name}.fypp")
endforeach()
set(prototypes ${headers} "${generated}/include/ctorch_ops.h" "${generated}/include/ctorch_optim.h")
set(headers ${prototypes} "${generated}/include/ctorch_types.h")
