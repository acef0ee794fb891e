# Runs the steps of one run under a process-compose of their own.
# $0 process, $1 process-compose, $2 project, $3 file that appears when all steps succeeded, $4 log, then the command
# that makes the run id, if any.
trap : TERM INT HUP # the steps are stopped by their own supervisor; wait for it
unset PC_PROC_NAME PC_REPLICA_NUM # of this process; each step has its own
supervisor=$1 project=$2 succeeded=$3 log=$4
shift 4
rm -f "$succeeded" || exit 1
if [ $# -gt 0 ]; then
	MLPATHWAY_RUN=$("$@") && [ -n "$MLPATHWAY_RUN" ] || {
		echo "$0: no step was started: the command for the run id failed: $*" >&2
		exit 1
	}
	export MLPATHWAY_RUN
fi
bell=$(printf '\007')
"$supervisor" -f "$project" -t=false --no-server --keep-project --disable-dotenv -L "$log" 2>&1 | (
	trap '' TERM INT HUP
	while IFS= read -r line; do
		case $line in *']0;process-compose: '*"$bell"*) line=${line#*"$bell"} ;; esac # the terminal's title
		case $line in '' | 'Project Completed. Press Ctrl+C to quit') ;; *) printf '%s\n' "$line" ;; esac
	done
)
[ -e "$succeeded" ] || {
	echo "$0: the run failed; the steps after the failed one were not started" >&2
	exit 1
}
rm -f "$succeeded"
