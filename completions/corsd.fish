# fish completion for corsd: verbs and options as the program itself lists them
function __corsd_verbs
    command corsd help 2>/dev/null | string replace -rf '^  corsd ([a-z]+) .*?  +(\S.*)$' '$1\t$2'
end
function __corsd_options
    set -l verb (commandline -opc)[2]
    string match -q -- '-*' "$verb"; and set verb
    command corsd $verb --help 2>/dev/null | string match -ra -- '--[a-z][a-z-]*' | sort -u
end
complete -c corsd -n __fish_use_subcommand -f -a '(__corsd_verbs)'
complete -c corsd -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__corsd_options)'
complete -c corsd -s c -l config -r -F -d 'the configuration'
