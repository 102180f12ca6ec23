# What the host tests of itself in each build, with networks and without: `ctest`.

# run(name [RUN line] [HEATING line] [EXPECT pattern] [STOPS] [THREADS n] [AFTER name])
#
# A run of the host with lines of the two namelists. It comes to its end; or STOPS before. EXPECT is to be among what it says. With
# networks, HEATING can be left to what was handed over.
function(run name)
  cmake_parse_arguments(PARSE_ARGV 1 "" "STOPS" "RUN;HEATING;EXPECT;THREADS;AFTER" "")
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}.nml
    "&run_nml restart = '${name}.bin', steps = 24, ${_RUN} /\n&heating_nml ${_HEATING} /\n")
  add_test(NAME ${name} COMMAND host ${CMAKE_CURRENT_SOURCE_DIR}/run.nml ${network} ${name}.nml
    WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  # CTest looks at the exit code only where no words are asked for.
  set(says "${_EXPECT}")
  if(NOT _STOPS)
    string(APPEND says ".*host: done")
  else()
    set_tests_properties(${name} PROPERTIES FAIL_REGULAR_EXPRESSION "host: done")
  endif()
  set_tests_properties(${name} PROPERTIES PASS_REGULAR_EXPRESSION "${says}")
  if(_THREADS)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT OMP_NUM_THREADS=${_THREADS})
  endif()
  if(_AFTER)
    set_tests_properties(${name} PROPERTIES DEPENDS ${_AFTER})
  endif()
endfunction()

# Both runs have ended with the same bits.
function(same a b)
  add_test(NAME ${a}_is_${b} COMMAND ${CMAKE_COMMAND} -E compare_files ${a}.bin ${b}.bin
    WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  set_tests_properties(${a}_is_${b} PROPERTIES DEPENDS "${a};${b}")
endfunction()

# In every build: the scheme, and what becomes of a network that cannot be used.
string(REPEAT 0 64 nobody)   # the sum of no file
set(no_file "physics%source = 'network', physics%network = 'missing.pt2', physics%sha256 = '${nobody}'")
set(why "linked with the stub")
if(NETWORKS)
  set(why "missing.pt2.*No such file")
endif()
run(scheme HEATING "physics%source = 'scheme'" EXPECT "heating by the scheme")
run(no_network STOPS HEATING "${no_file}" EXPECT "${why}")
run(no_network_scheme HEATING "${no_file}" RUN "without_network = 'scheme'" EXPECT "going on with the scheme.*${why}")
same(no_network_scheme scheme)
run(no_such_source STOPS HEATING "physics%source = 'magic'" EXPECT "source is none of 'scheme', 'network', 'both': magic")
run(no_start STOPS RUN "start = 'missing.bin'" HEATING "physics%source = 'scheme'" EXPECT "missing.bin")

if(NETWORKS)
  run(network EXPECT "heating by network")
  run(both HEATING "physics%source = 'both'" EXPECT "network minus scheme")
  same(both scheme)
  run(other_file STOPS HEATING "physics%sha256 = '${nobody}'" EXPECT "sha256")
  run(no_sum STOPS HEATING "physics%sha256 = ''" EXPECT "no sum of the network is given")

  # Bits depend on no threads, on no blocks, on no restart.
  run(one_thread THREADS 1)
  run(two_threads THREADS 2)
  run(other_blocks RUN "block = 7")
  run(first_half RUN "steps = 12")
  run(second_half RUN "steps = 12, start = 'first_half.bin'" AFTER first_half)
  foreach(other IN ITEMS one_thread two_threads other_blocks second_half)
    same(${other} network)
  endforeach()
endif()
