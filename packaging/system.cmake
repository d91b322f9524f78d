# Runs at installation, when the prefix is known: the unit with its paths, its settings, and what Debian wants compressed.
# SOURCE is this folder, BINARY the build's.
set(PREFIX ${CMAKE_INSTALL_PREFIX})
set(ETC ${PREFIX}/etc)
if(PREFIX STREQUAL /usr)
  set(ETC /etc)
endif()

configure_file(${SOURCE}/ctclip.service.in ${BINARY}/ctclip.service @ONLY)
file(INSTALL ${BINARY}/ctclip.service DESTINATION ${PREFIX}/lib/systemd/system)
file(INSTALL ${SOURCE}/ctclip.default DESTINATION ${ETC}/default RENAME ctclip)

function(install_compressed file folder name)
  execute_process(COMMAND gzip -9nc ${file} OUTPUT_FILE ${BINARY}/${name}.gz COMMAND_ERROR_IS_FATAL ANY)
  file(INSTALL ${BINARY}/${name}.gz DESTINATION ${PREFIX}/share/${folder})
endfunction()
install_compressed(${SOURCE}/ctclip.1 man/man1 ctclip.1)
install_compressed(${SOURCE}/debian/changelog doc/ctclip changelog.Debian)
install_compressed(${SOURCE}/../CHANGELOG.md doc/ctclip changelog)
