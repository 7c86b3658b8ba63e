/* Runs a command and tells what it took: measure OUT COMMAND ARG...
 *
 * Writes "wall user system peak" to the file OUT (seconds, KiB; peak of the largest single process) and ends with the
 * command's exit code.  Why not from Python: a child's peak memory counts from that of the process that it was forked from. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return t.tv_sec + t.tv_usec / 1e6;
}

int main(int count, char **arguments)
{
    struct timespec began, ended;
    struct rusage used;
    int status;

    if (count < 3)
        return 64;
    clock_gettime(CLOCK_MONOTONIC, &began);
    pid_t child = fork();
    if (child == 0) {
        execvp(arguments[2], arguments + 2);
        perror(arguments[2]);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &used) != child)
        return 71;
    clock_gettime(CLOCK_MONOTONIC, &ended);

    FILE *out = fopen(arguments[1], "w");
    if (!out)
        return 73;
    fprintf(out, "%.6f %.6f %.6f %ld\n", ended.tv_sec - began.tv_sec + (ended.tv_nsec - began.tv_nsec) / 1e9,
            seconds(used.ru_utime), seconds(used.ru_stime), used.ru_maxrss);
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
