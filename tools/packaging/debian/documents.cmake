# SPDX-License-Identifier: Apache-2.0
# Run by cpack when files are laid out and before they are packed: adds what Debian wants of a package beside its files,
# which are a copyright, a changelog, manual pages made from --help, and why lintian may be ignored in places.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)

function(compress file)
  execute_process(COMMAND gzip -9 -n -f "${file}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(root "${CPACK_TEMPORARY_DIRECTORY}/${component}${CPACK_PACKAGING_INSTALL_PREFIX}")
  set(documents "${root}/share/doc/${package}")
  configure_file("${CMAKE_CURRENT_LIST_DIR}/copyright" "${documents}/copyright" COPYONLY)
  file(WRITE "${documents}/changelog.Debian"
       "k7 (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n"
       "  * As CHANGELOG.md of K7 says.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  compress("${documents}/changelog.Debian")
  configure_file("${CMAKE_CURRENT_LIST_DIR}/${package}.lintian-overrides" "${root}/share/lintian/overrides/${package}" COPYONLY)

  find_program(HELP2MAN help2man)
  file(GLOB programs "${root}/bin/*")
  if(NOT HELP2MAN)
    set(programs)
  endif()
  file(MAKE_DIRECTORY "${root}/share/man/man1")
  foreach(program IN LISTS programs)
    get_filename_component(name "${program}" NAME)
    set(page "${root}/share/man/man1/${name}.1")
    execute_process(COMMAND "${HELP2MAN}" --no-info "--name=part of K7, G2 metrics and their Laplace spectra"
                            "--version-string=${CPACK_PACKAGE_VERSION}" "--output=${page}" "${program}"
                    COMMAND_ERROR_IS_FATAL ANY)
    compress("${page}")
  endforeach()
  if(NOT programs)
    file(REMOVE_RECURSE "${root}/share/man")
  endif()
endforeach()
