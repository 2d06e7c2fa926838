package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

const completionHelp = `usage: credence completion SHELL

Prints a script that completes commands and options of credence in bash, zsh or fish:

  source <(credence completion bash)      # in ~/.bashrc
  source <(credence completion zsh)       # in ~/.zshrc
  credence completion fish | source       # in ~/.config/fish/config.fish

Exit status: 0 printed, 2 usage.
`

func completion(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("completion", flag.ContinueOnError)
	if err := parse(flags, args, completionHelp, 1, stdout); err != nil {
		return failed(stderr, err)
	}
	scripts := map[string]string{
		"bash": bashCompletion, "zsh": "autoload -U +X bashcompinit && bashcompinit\n" + bashCompletion,
		"fish": fishCompletion,
	}
	script, ok := scripts[flags.Arg(0)]
	if !ok {
		return complain(
			stderr, usage, fmt.Errorf("there is no completion for %q (there are bash, zsh, fish)", flags.Arg(0)),
		)
	}
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	fmt.Fprintf(stdout, script, strings.Join(names, " "))
	return conforms
}

// The scripts ask the command itself for its options, so that they never disagree with it.
const (
	bashCompletion = `_credence() {
	local word=${COMP_WORDS[COMP_CWORD]}
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "%s" -- "$word"))
	elif [[ $word == -* ]]; then
		COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" --help 2>/dev/null | grep -oE -- '^ +--[a-z-]+' | tr -d ' ')" -- "$word"))
	else
		COMPREPLY=($(compgen -f -- "$word"))
	fi
}
complete -o filenames -F _credence credence
`
	fishCompletion = `complete -c credence -f -n __fish_use_subcommand -a "%s"
complete -c credence -n "string match -q -- '-*' (commandline -ct)" -a "(credence (commandline -opc)[2] --help 2>/dev/null | string match -r -- '^ +(--[a-z-]+)' -g)"
`
)
