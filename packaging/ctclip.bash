# Bash completion of ctclip. It asks the program's own --help, so it knows every command and option of the one installed.

# Words of a help text (stdin): the names of the sub-commands, or the long options with "=" behind those that take a value.
_ctclip_commands() { sed -n '/^Subcommands:/,/^$/ s/^  \([a-z][a-z-]*\) .*/\1/p'; }
_ctclip_options() { sed -n 's/^  \(-[a-zA-Z],\)\{0,1\}\(--[a-z][a-z-]*\)\( [^ ]\)\{0,1\}.*/\2\3/p' | sed 's/ .*$/=/'; }

_ctclip() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} word help commands
  local -a path=()
  COMPREPLY=()
  help=$("$1" --help 2>/dev/null) || return 0
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    commands=$(_ctclip_commands <<<"$help")
    [[ $'\n'$commands$'\n' == *$'\n'$word$'\n'* ]] || continue
    path+=("$word")
    help=$("$1" "${path[@]}" --help 2>/dev/null) || return 0
  done
  # The value of an option, and whatever is no option in a command without sub-commands, is a file.
  if [[ $before == --* ]] && _ctclip_options <<<"$help" | grep -qxF -- "$before="; then return 0; fi
  if [[ $current == -* ]]; then
    commands=$(_ctclip_options <<<"$help" | tr -d =)
  else
    commands=$(_ctclip_commands <<<"$help")
  fi
  mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
}

complete -o default -F _ctclip ctclip
