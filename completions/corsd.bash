# bash completion for corsd: verbs and options as the program itself lists them
_corsd()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]} words
    COMPREPLY=()
    case $prev in
    -c | --config | --from-har)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    -X | --method | --allow-method)
        mapfile -t COMPREPLY < <(compgen -W "GET HEAD POST PUT PATCH DELETE OPTIONS" -- "$cur")
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        [[ $verb != -* ]] || verb=
        words=$(command corsd ${verb:+"$verb"} --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u)
    elif [ "$COMP_CWORD" = 1 ]; then
        words=$(command corsd help 2>/dev/null | sed -nE 's/^  corsd ([a-z]+) .*/\1/p')
    else
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _corsd corsd
