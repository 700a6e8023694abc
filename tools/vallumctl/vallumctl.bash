# Completion of vallumctl in bash: source this file, or install it as
# /usr/share/bash-completion/completions/vallumctl. Asks no VM.

# Names of files, whatever characters they have.
_vallumctl_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_vallumctl() {
	local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} word last= command= skip=
	local commands='inspect log boot profile pause resume restart settings version crashes exec'
	local every='--vsock --timeout --color --help'

	# bash makes three words of --option=value.
	[ "$current" != = ] || current=
	[ "$before" != = ] || before=${COMP_WORDS[COMP_CWORD - 2]}
	# The first word that is neither an option nor an option's value, and whether -- came before this one.
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		if [ "$word" = = ]; then
			skip=1
		elif [ -n "$skip" ]; then
			skip=
		else
			case $word in
			--vsock | --timeout | --color | --depth | --since | --process | --svg | --folded | --seconds | --hertz) skip=1 ;;
			--) last=1 ;;
			-*) ;;
			*) [ -n "$command" ] || command=$word ;;
			esac
		fi
	done
	if [ -n "$last" ]; then
		COMPREPLY=()
		[ -n "$command" ] || COMPREPLY=($(compgen -W "$commands" -- "$current"))
		return
	fi
	case $before in
	--vsock | --svg | --folded) _vallumctl_files "$current"; return ;;
	--color) COMPREPLY=($(compgen -W 'auto always never' -- "$current")); return ;;
	--process) COMPREPLY=($(compgen -W 'kernel shim init vallum vallum-vm vallum-devworker vallum-vtpm vallum-diag vallum-profiler' -- "$current")); return ;;
	--timeout | --depth | --since | --seconds | --hertz | --watch) [ -z "$skip" ] || { COMPREPLY=(); return; } ;;
	esac
	case $command in
	'') COMPREPLY=($(compgen -W "$commands $every --version" -- "$current")) ;;
	inspect) COMPREPLY=($(compgen -W "$every --depth --json --watch" -- "$current")) ;;
	log) COMPREPLY=($(compgen -W "$every --follow --since --process" -- "$current")) ;;
	boot) COMPREPLY=($(compgen -W "$every --json --svg" -- "$current")) ;;
	profile) COMPREPLY=($(compgen -W "$every --seconds --hertz --svg --folded" -- "$current")) ;;
	settings | version | crashes) COMPREPLY=($(compgen -W "$every --json" -- "$current")) ;;
	exec) COMPREPLY=($(compgen -W "$every --" -- "$current")) ;;
	*) COMPREPLY=($(compgen -W "$every" -- "$current")) ;;
	esac
}
complete -F _vallumctl vallumctl
