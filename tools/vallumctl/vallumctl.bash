# Completion of vallumctl in bash: source this file, or install it as
# /usr/share/bash-completion/completions/vallumctl. Asks no VM.

_vallumctl() {
	local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} word command= skip=
	local commands='inspect log boot profile pause resume restart settings version crashes exec'
	local every='--vsock --timeout --color --help'

	case $before in
	--vsock | --svg | --folded) COMPREPLY=($(compgen -f -- "$current")); return ;;
	--color) COMPREPLY=($(compgen -W 'auto always never' -- "$current")); return ;;
	--process) COMPREPLY=($(compgen -W 'kernel init vallum vallum-vm vallum-devworker vallum-vtpm vallum-diag vallum-profiler' -- "$current")); return ;;
	--timeout | --depth | --since | --seconds | --hertz) return ;;
	esac
	# The first word that is neither an option nor an option's value.
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		if [ -n "$skip" ]; then skip=; continue; fi
		case $word in
		--vsock | --timeout | --color | --depth | --since | --process | --svg | --folded | --seconds | --hertz) skip=1 ;;
		-*) ;;
		*) command=$word; break ;;
		esac
	done
	case $command in
	'') COMPREPLY=($(compgen -W "$commands $every --version" -- "$current")) ;;
	inspect) COMPREPLY=($(compgen -W "$every --depth --json --watch" -- "$current")) ;;
	log) COMPREPLY=($(compgen -W "$every --follow --since --process" -- "$current")) ;;
	boot) COMPREPLY=($(compgen -W "$every --json --svg" -- "$current")) ;;
	profile) COMPREPLY=($(compgen -W "$every --seconds --hertz --svg --folded" -- "$current")) ;;
	settings | version | crashes) COMPREPLY=($(compgen -W "$every --json" -- "$current")) ;;
	*) COMPREPLY=($(compgen -W "$every" -- "$current")) ;;
	esac
}
complete -F _vallumctl vallumctl
