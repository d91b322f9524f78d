# Runs at installation, when the prefix is known: the unit with its paths, its settings, what Debian wants compressed, and
# the completion that the program makes of its own options. SOURCE is this folder, BINARY the build's, PROGRAM the program.
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

function(install_completion shell folder name)
  execute_process(COMMAND ${PROGRAM} completion ${shell} OUTPUT_FILE ${BINARY}/${name} COMMAND_ERROR_IS_FATAL ANY)
  file(INSTALL ${BINARY}/${name} DESTINATION ${PREFIX}/share/${folder})
endfunction()
# Debian keeps site-functions for those that an administrator adds.
set(ZSH zsh/site-functions)
if(PREFIX STREQUAL /usr)
  set(ZSH zsh/vendor-completions)
endif()
install_completion(bash bash-completion/completions ctclip)
install_completion(zsh ${ZSH} _ctclip)
install_completion(fish fish/vendor_completions.d ctclip.fish)
