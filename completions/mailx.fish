# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mailx_global_optspecs
    string join \n config= json q/quiet v/verbose color= progress= timeout= wait= max-duration= h/help V/version
end

function __fish_mailx_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mailx_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mailx_using_subcommand
    set -l cmd (__fish_mailx_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mailx -n "__fish_mailx_needs_command" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_needs_command" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_needs_command" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_needs_command" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_needs_command" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_needs_command" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_needs_command" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_needs_command" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_needs_command" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_needs_command" -s h -l help -d 'Print help'
complete -c mailx -n "__fish_mailx_needs_command" -s V -l version -d 'Print version'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "fetch" -d 'Fetches mail from servers into Maildirs; changes nothing that is here'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "sync" -d 'Keeps Maildirs and accounts the same, both ways'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "watch" -d 'Stays, and syncs as soon as something changes, there or here'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "verify" -d 'Compares servers with Maildirs; changes nothing on either side'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "send" -d 'Sends a message'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "outbox" -d 'Looks at messages that wait to be sent, and decides about those that cannot'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "folders" -d 'Lists the folders there and here'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "status" -d 'Tells what is here, what is missing, and when each account last succeeded'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "policy" -d 'Shows what servers demand of this device, and what becomes of it'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "account" -d 'Looks at accounts, tests them, stores their secrets'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "completions" -d 'Prints a completion script'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "man" -d 'Prints the man page, or writes all of them into a directory'
complete -c mailx -n "__fish_mailx_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l folder -d 'Takes only folders that match; may be repeated; !PATTERN leaves out, * is any text, ? one character, \\Junk a special use' -r
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l jobs -d 'Works on so many accounts at the same time' -r
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l exec -d 'Runs this command after a run that changed something, beside the account\'s own' -r -f -a "(__fish_complete_command)"
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l limit -d 'Downloads so many messages at most; the rest comes with a later run' -r
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l allow-mass-delete -d 'Lets many messages be deleted in this run, although that looks like an accident; everywhere, or in one folder' -r
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l since -d 'Leaves out for now what came before: 2026-01-31, a time of RFC 3339, 30d or 2w' -r
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l max-size -d 'Leaves out for now what is larger: octets, or 500k, 10M, 1G' -r
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l password-command -d 'With a URL: takes the secret from the first line of what this command prints' -r -f -a "(__fish_complete_command)"
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l ca -d 'With a URL: trusts the certificates in this file too (PEM)' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l pin -d 'With a URL: accepts only the certificate with this digest' -r
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l metrics -d 'Writes figures of the run into this file, as OpenMetrics text' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l dry-run -d 'Prints what would be done; changes nothing at all'
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l events -d 'Prints a JSON line for each thing that happens, and the JSON summary last'
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l allow-cleartext -d 'Allows clear text beyond this machine, for accounts with tls mode "none"'
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand fetch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l folder -d 'Takes only folders that match; may be repeated; !PATTERN leaves out, * is any text, ? one character, \\Junk a special use' -r
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l jobs -d 'Works on so many accounts at the same time' -r
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l exec -d 'Runs this command after a run that changed something, beside the account\'s own' -r -f -a "(__fish_complete_command)"
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l limit -d 'Downloads so many messages at most; the rest comes with a later run' -r
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l allow-mass-delete -d 'Lets many messages be deleted in this run, although that looks like an accident; everywhere, or in one folder' -r
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l since -d 'Leaves out for now what came before: 2026-01-31, a time of RFC 3339, 30d or 2w' -r
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l max-size -d 'Leaves out for now what is larger: octets, or 500k, 10M, 1G' -r
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l password-command -d 'With a URL: takes the secret from the first line of what this command prints' -r -f -a "(__fish_complete_command)"
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l ca -d 'With a URL: trusts the certificates in this file too (PEM)' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l pin -d 'With a URL: accepts only the certificate with this digest' -r
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l metrics -d 'Writes figures of the run into this file, as OpenMetrics text' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l dry-run -d 'Prints what would be done; changes nothing at all'
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l events -d 'Prints a JSON line for each thing that happens, and the JSON summary last'
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l allow-cleartext -d 'Allows clear text beyond this machine, for accounts with tls mode "none"'
complete -c mailx -n "__fish_mailx_using_subcommand sync" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand sync" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand sync" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l poll -d 'Looks so often at what is not pushed, at least: 2m, 1h (default: every 5 minutes; every 15 where the server pushes all folders)' -r
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l folder -d 'Takes only folders that match, as for fetch' -r
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l exec -d 'Runs this command after each run that changed something, beside the account\'s own; JSON on its standard input and MAILX_ACCOUNT, MAILX_NEW, MAILX_FOLDERS say what' -r -f -a "(__fish_complete_command)"
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l exec-timeout -d 'Stops a hook that takes longer' -r
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l jobs -d 'Works on so many accounts at the same time' -r
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l since -d 'Leaves out for now what came before: 2026-01-31, a time of RFC 3339, 30d or 2w' -r
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l max-size -d 'Leaves out for now what is larger: octets, or 500k, 10M, 1G' -r
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l password-command -d 'With a URL: takes the secret from the first line of what this command prints' -r -f -a "(__fish_complete_command)"
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l ca -d 'With a URL: trusts the certificates in this file too (PEM)' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l pin -d 'With a URL: accepts only the certificate with this digest' -r
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l fetch -d 'Fetches instead of syncing: changes nothing that is here, and sends nothing there'
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l once -d 'Ends once a run has changed something'
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l events -d 'Prints a JSON line for each thing that happens, and a JSON summary after each run that changed something'
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l allow-cleartext -d 'Allows clear text beyond this machine, for accounts with tls mode "none"'
complete -c mailx -n "__fish_mailx_using_subcommand watch" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand watch" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand watch" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l folder -d 'Takes only folders that match, as for fetch' -r
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l sample -d 'Reads and compares the bytes of so many messages, others each time: 5%' -r
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l jobs -d 'Works on so many accounts at the same time' -r
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l password-command -d 'With a URL: takes the secret from the first line of what this command prints' -r -f -a "(__fish_complete_command)"
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l ca -d 'With a URL: trusts the certificates in this file too (PEM)' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l pin -d 'With a URL: accepts only the certificate with this digest' -r
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l all -d 'Reads and compares the bytes of all messages'
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l allow-cleartext -d 'Allows clear text beyond this machine, for accounts with tls mode "none"'
complete -c mailx -n "__fish_mailx_using_subcommand verify" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand verify" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand verify" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailx -n "__fish_mailx_using_subcommand send" -l account -d 'Sends from this account, not from the one that has the sender\'s address' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -s f -d 'Says in the envelope that it is from this address; <> for nobody' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -s F -d 'Writes this name beside the sender\'s address where the message has no From' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -s N -l dsn -d 'Asks for reports: never, or a list of success, failure and delay' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -s R -l dsn-return -d 'Has reports with all of the message (full) or its header (hdrs)' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -s V -l dsn-id -d 'Names the message so in reports' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -l to -d 'Composes a message to these' -r -f
complete -c mailx -n "__fish_mailx_using_subcommand send" -l cc -d 'Sends a copy to these' -r -f
complete -c mailx -n "__fish_mailx_using_subcommand send" -l bcc -d 'Sends a copy to these, and nobody sees that' -r -f
complete -c mailx -n "__fish_mailx_using_subcommand send" -l from -d 'Says whom it is from: an address, or a name and an address' -r -f
complete -c mailx -n "__fish_mailx_using_subcommand send" -l reply-to -d 'Wants answers there' -r -f
complete -c mailx -n "__fish_mailx_using_subcommand send" -s s -l subject -d 'Subject' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -l attach -d 'Attaches this file' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand send" -l header -d 'Adds a header field: "NAME: VALUE"' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -l body-file -d 'Takes the text from this file, not from standard input' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand send" -l reply-to-message -d 'Answers the message in this file' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand send" -l form -d 'Which other program\'s command line this was' -r -f -a "own\t'Ours'
sendmail\t'That of sendmail'
mailx\t'That of POSIX mailx'"
complete -c mailx -n "__fish_mailx_using_subcommand send" -l content-type -d 'Of POSIX mailx, where it is a header field: the type of the text' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -s o -d 'Of sendmail: accepted, and without a meaning here' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -s b -d 'Of sendmail: m, which is what this does' -r -f -a "m\t''"
complete -c mailx -n "__fish_mailx_using_subcommand send" -s B -d 'Of sendmail: accepted; what the message needs is found out' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand send" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand send" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand send" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand send" -s t -d 'Takes recipients from the message\'s To, Cc and Bcc as well'
complete -c mailx -n "__fish_mailx_using_subcommand send" -l keep-bcc -d 'Leaves Bcc in the message, and in its copy: whoever gets it sees whom else it went to'
complete -c mailx -n "__fish_mailx_using_subcommand send" -l all-or-none -d 'Sends to nobody unless the server takes all recipients'
complete -c mailx -n "__fish_mailx_using_subcommand send" -l queue -d 'Only queues the message'
complete -c mailx -n "__fish_mailx_using_subcommand send" -l no-queue -d 'Never queues the message: what cannot be sent now is not kept'
complete -c mailx -n "__fish_mailx_using_subcommand send" -l flush -d 'Sends what waits in the outboxes of these accounts (none: all), as far as it is due'
complete -c mailx -n "__fish_mailx_using_subcommand send" -l syslog -d 'Tells the system\'s log of each message, too'
complete -c mailx -n "__fish_mailx_using_subcommand send" -l html -d 'Says that the text is HTML'
complete -c mailx -n "__fish_mailx_using_subcommand send" -l skip-empty -d 'Sends nothing where the text is empty'
complete -c mailx -n "__fish_mailx_using_subcommand send" -s i -d 'Of sendmail: accepted, and always on'
complete -c mailx -n "__fish_mailx_using_subcommand send" -l allow-cleartext -d 'Allows clear text beyond this machine, for accounts with tls mode "none"'
complete -c mailx -n "__fish_mailx_using_subcommand send" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand send" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand send" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -s h -l help -d 'Print help'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -f -a "list" -d 'Lists messages that wait, failed, or are in doubt'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -f -a "show" -d 'Shows a message: its envelope, what happened to it, and its text'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -f -a "retry" -d 'Sends a message now, also one that failed or is in doubt'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -f -a "delete" -d 'Removes a message without sending it'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and not __fish_seen_subcommand_from list show retry delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from list" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from list" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from list" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from list" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from list" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from list" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from list" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from show" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from show" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from show" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from show" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from show" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from show" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from show" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l uncertain -d 'Sends it to those in doubt as well'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l syslog -d 'Tells the system\'s log, too'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l allow-cleartext -d 'Allows clear text beyond this machine, for accounts with tls mode "none"'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from delete" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from delete" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from delete" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from delete" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from delete" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from delete" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from delete" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists messages that wait, failed, or are in doubt'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "show" -d 'Shows a message: its envelope, what happened to it, and its text'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Sends a message now, also one that failed or is in doubt'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Removes a message without sending it'
complete -c mailx -n "__fish_mailx_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l folder -d 'Takes only folders that match, as for fetch' -r
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l password-command -d 'With a URL: takes the secret from the first line of what this command prints' -r -f -a "(__fish_complete_command)"
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l ca -d 'With a URL: trusts the certificates in this file too (PEM)' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l pin -d 'With a URL: accepts only the certificate with this digest' -r
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l allow-cleartext -d 'Allows clear text beyond this machine, for accounts with tls mode "none"'
complete -c mailx -n "__fish_mailx_using_subcommand folders" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand folders" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand folders" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand folders" -s h -l help -d 'Print help'
complete -c mailx -n "__fish_mailx_using_subcommand status" -l max-age -d 'Fails unless every account succeeded in this time: 2h, 1d' -r
complete -c mailx -n "__fish_mailx_using_subcommand status" -l metrics -d 'Writes the figures into this file, as OpenMetrics text' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand status" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand status" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand status" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand status" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand status" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand status" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand status" -l remote -d 'Asks the servers for quota and news'
complete -c mailx -n "__fish_mailx_using_subcommand status" -l allow-cleartext -d 'Allows clear text beyond this machine, for accounts with tls mode "none"'
complete -c mailx -n "__fish_mailx_using_subcommand status" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand status" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand status" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailx -n "__fish_mailx_using_subcommand policy" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand policy" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand policy" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand policy" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand policy" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand policy" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand policy" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand policy" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand policy" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand policy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -s h -l help -d 'Print help'
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -f -a "list" -d 'Lists the accounts of the configuration'
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -f -a "show" -d 'Shows the settings of an account and what its protocol can do'
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -f -a "test" -d 'Tries each step of reaching the server: name, connection, TLS, login, folders'
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -f -a "login" -d 'Stores or replaces the secret of an account'
complete -c mailx -n "__fish_mailx_using_subcommand account; and not __fish_seen_subcommand_from list show test login help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from list" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from list" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from list" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from list" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from list" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from list" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from list" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from show" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from show" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from show" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from show" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from show" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from show" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from show" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -l password-command -d 'With a URL: takes the secret from the first line of what this command prints' -r -f -a "(__fish_complete_command)"
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -l ca -d 'With a URL: trusts the certificates in this file too (PEM)' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -l pin -d 'With a URL: accepts only the certificate with this digest' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -l allow-cleartext -d 'Allows clear text beyond this machine, for accounts with tls mode "none"'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -l no-verify -d 'Does not try to log in with it'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -l allow-cleartext -d 'Allows clear text beyond this machine, for accounts with tls mode "none"'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists the accounts of the configuration'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "show" -d 'Shows the settings of an account and what its protocol can do'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "test" -d 'Tries each step of reaching the server: name, connection, TLS, login, folders'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "login" -d 'Stores or replaces the secret of an account'
complete -c mailx -n "__fish_mailx_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailx -n "__fish_mailx_using_subcommand completions" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand completions" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand completions" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand completions" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand completions" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand completions" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand completions" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand completions" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand completions" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand completions" -s h -l help -d 'Print help'
complete -c mailx -n "__fish_mailx_using_subcommand man" -l config -d 'Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml' -r -F
complete -c mailx -n "__fish_mailx_using_subcommand man" -l color -d 'Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand man" -l progress -d 'Progress on standard error: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c mailx -n "__fish_mailx_using_subcommand man" -l timeout -d 'Gives a silent server so much time: seconds, or 2m' -r
complete -c mailx -n "__fish_mailx_using_subcommand man" -l wait -d 'Waits for a lock that another run holds, so long at most if a time is given' -r
complete -c mailx -n "__fish_mailx_using_subcommand man" -l max-duration -d 'Ends in good order by then: 90s, 15m, 2h' -r
complete -c mailx -n "__fish_mailx_using_subcommand man" -l json -d 'Prints the result as one JSON object on standard output'
complete -c mailx -n "__fish_mailx_using_subcommand man" -s q -l quiet -d 'Says nothing but failures'
complete -c mailx -n "__fish_mailx_using_subcommand man" -s v -l verbose -d 'Says more; twice: logs for a bug report'
complete -c mailx -n "__fish_mailx_using_subcommand man" -s h -l help -d 'Print help'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "fetch" -d 'Fetches mail from servers into Maildirs; changes nothing that is here'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "sync" -d 'Keeps Maildirs and accounts the same, both ways'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "watch" -d 'Stays, and syncs as soon as something changes, there or here'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "verify" -d 'Compares servers with Maildirs; changes nothing on either side'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "send" -d 'Sends a message'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "outbox" -d 'Looks at messages that wait to be sent, and decides about those that cannot'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "folders" -d 'Lists the folders there and here'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "status" -d 'Tells what is here, what is missing, and when each account last succeeded'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "policy" -d 'Shows what servers demand of this device, and what becomes of it'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "account" -d 'Looks at accounts, tests them, stores their secrets'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "completions" -d 'Prints a completion script'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "man" -d 'Prints the man page, or writes all of them into a directory'
complete -c mailx -n "__fish_mailx_using_subcommand help; and not __fish_seen_subcommand_from fetch sync watch verify send outbox folders status policy account completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailx -n "__fish_mailx_using_subcommand help; and __fish_seen_subcommand_from outbox" -f -a "list" -d 'Lists messages that wait, failed, or are in doubt'
complete -c mailx -n "__fish_mailx_using_subcommand help; and __fish_seen_subcommand_from outbox" -f -a "show" -d 'Shows a message: its envelope, what happened to it, and its text'
complete -c mailx -n "__fish_mailx_using_subcommand help; and __fish_seen_subcommand_from outbox" -f -a "retry" -d 'Sends a message now, also one that failed or is in doubt'
complete -c mailx -n "__fish_mailx_using_subcommand help; and __fish_seen_subcommand_from outbox" -f -a "delete" -d 'Removes a message without sending it'
complete -c mailx -n "__fish_mailx_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "list" -d 'Lists the accounts of the configuration'
complete -c mailx -n "__fish_mailx_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "show" -d 'Shows the settings of an account and what its protocol can do'
complete -c mailx -n "__fish_mailx_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "test" -d 'Tries each step of reaching the server: name, connection, TLS, login, folders'
complete -c mailx -n "__fish_mailx_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "login" -d 'Stores or replaces the secret of an account'
