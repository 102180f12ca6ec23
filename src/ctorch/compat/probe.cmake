# What this folder takes of PyTorch beyond its public API: file here, PyTorch's header (`old|new` where it has moved), names in
# it. Looked for when CMake configures, so that another PyTorch is refused by a sentence and not by a page of errors. A name that
# is gone from a library that was built is found by the loader.
#
#   cmake -DFTORCH_TORCH_INCLUDE_DIR=<folder> -DFTORCH_TORCH_VERSION=<version> -P probe.cmake

# What the library is made for, as pip is told it.
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../../../pyproject.toml" dependencies REGEX "^dependencies = ")
string(REGEX MATCH "torch>=([0-9.]+),<([0-9.]+)" FTORCH_TORCH_MEANT "${dependencies}")
if(FTORCH_TORCH_VERSION VERSION_LESS CMAKE_MATCH_1 OR FTORCH_TORCH_VERSION VERSION_GREATER_EQUAL CMAKE_MATCH_2)
  message(WARNING "PyTorch ${FTORCH_TORCH_VERSION} was never tried with this library, which is made for ${FTORCH_TORCH_MEANT}")
endif()

function(ftorch_probe_torch user header)
  set(sentence "which src/ctorch/compat/${user} needs; it is no public API: build with ${FTORCH_TORCH_MEANT}, or mend that file")
  set(text "")
  string(REPLACE "|" ";" places "${header}")
  foreach(place IN LISTS places)
    if(EXISTS "${FTORCH_TORCH_INCLUDE_DIR}/${place}")
      file(READ "${FTORCH_TORCH_INCLUDE_DIR}/${place}" part)
      string(APPEND text "${part}")
    endif()
  endforeach()
  if(text STREQUAL "")
    message(FATAL_ERROR "PyTorch ${FTORCH_TORCH_VERSION} has no header ${header}, ${sentence}")
  endif()
  foreach(name IN LISTS ARGN)
    if(NOT text MATCHES "(^|[^A-Za-z0-9_])${name}([^A-Za-z0-9_]|$)")
      message(FATAL_ERROR "PyTorch ${FTORCH_TORCH_VERSION} has no ${name} in ${header}, ${sentence}")
    endif()
  endforeach()
endfunction()

ftorch_probe_torch(anomaly_mode.h torch/csrc/autograd/anomaly_mode.h AnomalyMode set_enabled)
ftorch_probe_torch(aoti_runner.cpp torch/csrc/inductor/aoti_runner/model_container_runner_cpu.h
  AOTIModelContainerRunnerCpu run_single_threaded)
ftorch_probe_torch(aoti_runner.cpp torch/csrc/inductor/aoti_runner/model_container_runner.h
  boxed_run extract_constants_map get_call_spec getAOTIModelRunnerRegistry getConstantNamesToOriginalFQNs update_constant_buffer)
if(NOT FTORCH_TORCH_VERSION VERSION_LESS 2.13)
  ftorch_probe_torch(code_errors.cpp torch/csrc/stable/c/shim.h torch_exception_get_what_without_backtrace)
endif()
ftorch_probe_torch(cpu_allocator.h c10/core/CPUAllocator.h SetCPUAllocator GetDefaultCPUAllocator)
ftorch_probe_torch(cpu_allocator.h c10/core/impl/alloc_cpu.h alloc_cpu free_cpu)
if(EXISTS "${FTORCH_TORCH_INCLUDE_DIR}/ATen/cuda/CUDAGraph.h") # not in builds for other devices
  ftorch_probe_torch(cuda.cpp ATen/cuda/CUDAGraph.h CUDAGraph capture_begin capture_end replay)
  ftorch_probe_torch(cuda.cpp c10/cuda/CUDACachingAllocator.h setMemoryFraction)
endif()
ftorch_probe_torch(device_cache.h c10/core/CachingDeviceAllocator.h
  DeviceAllocator allocated_bytes emptyCache getDeviceStats getMemoryInfo reserved_bytes)
if(EXISTS "${FTORCH_TORCH_INCLUDE_DIR}/ATen/core/GraphImplInterface.h") # not in the oldest
  ftorch_probe_torch(device_graph.cpp ATen/core/GraphImplInterface.h
    GraphImplInterface capture_begin capture_end create_graph_impl has_graph_impl replay)
endif()
ftorch_probe_torch(device_guard.h c10/core/Event.h Event block query record synchronize)
ftorch_probe_torch(device_guard.h c10/core/Stream.h StreamId UNSAFE)
ftorch_probe_torch(device_guard.h c10/core/impl/VirtualGuardImpl.h
  VirtualGuardImpl deviceCount exchangeStream getDevice getStream getStreamFromGlobalPool synchronizeDevice synchronizeStream)
ftorch_probe_torch(device_guard.h c10/core/impl/DeviceGuardImplInterface.h hasDeviceGuardImpl)
ftorch_probe_torch(device_memory.h ATen/Context.h getDeviceFromPtr getPinnedMemoryAllocator isPinnedPtr lazyInitDevice)
ftorch_probe_torch(device_memory.h ATen/DeviceAccelerator.h getAccelerator)
foreach(kind IN ITEMS add addcdiv addcmul clamp_max clamp_min lerp mul sqrt)
  ftorch_probe_torch(foreach.h ATen/ops/_foreach_${kind}.h _foreach_${kind}_)
endforeach()
foreach(kind IN ITEMS adam adamw sgd)
  ftorch_probe_torch(foreach.h ATen/ops/_fused_${kind}.h _fused_${kind}_)
endforeach()
ftorch_probe_torch(gradient_hook.h torch/csrc/autograd/function_hook.h PostAccumulateGradHook)
ftorch_probe_torch(gradient_hook.h torch/csrc/autograd/variable.h post_acc_grad_hooks set_post_acc_grad_hooks)
ftorch_probe_torch(graph.cpp ATen/core/dispatch/Dispatcher.h findSchema hasTag)
ftorch_probe_torch(graph.cpp ATen/core/enum_tag.h|torch/headeronly/core/enum_tag.h nondeterministic_seeded)
ftorch_probe_torch(graph.cpp torch/csrc/jit/ir/alias_analysis.h AliasDb hasWriters)
ftorch_probe_torch(graph.cpp torch/csrc/jit/ir/constants.h toIValue)
ftorch_probe_torch(graph.cpp torch/csrc/jit/ir/ir.h maybeSchema insertConstant replaceAllUsesWith)
ftorch_probe_torch(graph.cpp torch/csrc/jit/passes/constant_propagation.h ConstantPropagation)
ftorch_probe_torch(graph.cpp torch/csrc/jit/runtime/graph_iterator.h DepthFirstGraphNodeIterator)
ftorch_probe_torch(interpreter.h torch/csrc/jit/api/function_impl.h toGraphFunction optimized_graph)
ftorch_probe_torch(interpreter.h torch/csrc/jit/passes/lower_graph.h LowerGraph)
ftorch_probe_torch(interpreter.h torch/csrc/jit/runtime/graph_executor.h GraphExecutor getPlanFor runRequiredPasses)
ftorch_probe_torch(interpreter.h torch/csrc/jit/runtime/interpreter.h Code InterpreterState)
ftorch_probe_torch(read_adapter.h caffe2/serialize/read_adapter_interface.h ReadAdapterInterface)
ftorch_probe_torch(serialization.h caffe2/serialize/inline_container.h
  PyTorchStreamReader PyTorchStreamWriter getRecord writeRecord writeEndOfFile)
ftorch_probe_torch(serialization.h torch/csrc/jit/serialization/pickle.h pickle_load)
ftorch_probe_torch(serialization.h torch/csrc/jit/serialization/pickler.h Pickler pushIValue tag_aggregates tensorData)
ftorch_probe_torch(tensor_impl.h ATen/EmptyTensor.h computeStorageNbytes)
ftorch_probe_torch(tensor_impl.h ATen/MemoryOverlap.h has_internal_overlap)
ftorch_probe_torch(tensor_impl.h c10/core/TensorImpl.h bump_version set_sizes_and_strides version_counter)
ftorch_probe_torch(tf32.h ATen/Context.h
  Float32MatmulPrecision Float32Op allowTF32CuDNN allowTF32OneDNN float32MatmulPrecision float32Precision setAllowTF32CuBLAS
  setAllowTF32CuDNN setAllowTF32OneDNN setFloat32MatmulPrecision setFloat32Precision)
ftorch_probe_torch(version.cpp ATen/Version.h show_config)
ftorch_probe_torch(version.cpp c10/util/Logging.h caffe2_log_level)
ftorch_probe_torch(warnings.cpp c10/util/Exception.h get_warning_handler set_warning_handler)
