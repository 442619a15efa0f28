/* Counts the calls by which a process changes what outlives it, and ends or fails the n-th.
 *
 * Loaded by LD_PRELOAD into every process of a run. A killed process leaves behind what its calls
 * did, and nothing changes between two of them; so a kill before each call covers every instruction.
 *
 *   SHIM_ROLE     whose calls count: "driver", "template" or "worker"
 *   SHIM_COUNTER  a file of two 64-bit numbers that all processes share: the calls so far, and
 *                 those that were made to fail
 *   SHIM_AT       the n-th call, from 1; 0 only counts
 *   SHIM_DO       "kill": SIGKILL instead of the call; "tear": half of what was to be written, then
 *                 SIGKILL; "enospc", "eio": the call fails
 *   SHIM_FOR      how many counted calls fail, from the n-th on (1)
 *   SHIM_CALLS    which calls count, separated by commas; all of them if unset
 *   SHIM_PATH     count a call only if its file's path contains this
 *
 * The template process is told from a driver by its command line, and a worker from the template by
 * having been forked by it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { KILL, TEAR, FAIL };
struct counts { atomic_long calls, failed; };

static struct counts *counts;
static long first, span = 1;
static int what = KILL, error_number = ENOSPC, is_template, is_counting;
static const char *only_calls, *only_path;

static void in_child(void) {
    /* A child of the template is a worker; a child of the driver or of a worker is neither. */
    const char *role = getenv("SHIM_ROLE");
    is_counting = is_template && role && strcmp(role, "worker") == 0;
    is_template = 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *role = getenv("SHIM_ROLE"), *file = getenv("SHIM_COUNTER"), *text;
    if (!role || !file) return;
    char line[1 << 16];
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t size = fd < 0 ? 0 : read(fd, line, sizeof line);
    if (fd >= 0) close(fd);
    is_template = size > 0 && memmem(line, size, "pbtune.worker.template", 22) != NULL;
    int is_script = size > 0 && memmem(line, size, "scenario.py", 11) != NULL;
    fd = open(file, O_RDWR);
    if (fd < 0) return;
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (counts == MAP_FAILED) { counts = NULL; return; }
    if ((text = getenv("SHIM_AT"))) first = atol(text);
    if ((text = getenv("SHIM_FOR"))) span = atol(text);
    if ((text = getenv("SHIM_DO"))) {
        what = !strcmp(text, "kill") ? KILL : !strcmp(text, "tear") ? TEAR : FAIL;
        error_number = strcmp(text, "eio") ? ENOSPC : EIO;
    }
    only_calls = getenv("SHIM_CALLS");
    only_path = getenv("SHIM_PATH");
    is_counting = (is_script && !strcmp(role, "driver"))
        || (is_template && !strcmp(role, "template"));
    pthread_atfork(NULL, NULL, in_child);
}

static int is_listed(const char *call) {
    if (!only_calls) return 1;
    size_t length = strlen(call);
    for (const char *at = only_calls; (at = strstr(at, call)); at += length)
        if ((at == only_calls || at[-1] == ',') && (at[length] == ',' || !at[length])) return 1;
    return 0;
}

static int is_meant(int fd, const char *path) {
    if (!only_path) return 1;
    char link[32], target[4096];
    if (!path) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t size = readlink(link, target, sizeof target - 1);
        if (size < 0) return 0;
        target[size] = 0;
        path = target;
    }
    return strstr(path, only_path) != NULL;
}

/* What to do about this call: 0 to make it, 1 to fail it, 2 to tear it. */
static int due(const char *call, int fd, const char *path) {
    if (!counts || !is_counting || !is_listed(call) || !is_meant(fd, path)) return 0;
    long number = atomic_fetch_add(&counts->calls, 1) + 1;
    if (!first || number < first) return 0;
    if (what == FAIL) {
        if (number >= first + span) return 0;
        atomic_fetch_add(&counts->failed, 1);
        errno = error_number;
        return 1;
    }
    if (number != first) return 0;
    atomic_fetch_add(&counts->failed, 1);
    if (what == TEAR) return 2;
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define REAL(name) static typeof(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define DIE() do { kill(getpid(), SIGKILL); for (;;) pause(); } while (0)
/* Calls that move bytes can be torn: half of them, then death. */
#define WRITES(name, fd, size, whole, half) \
    REAL(name); \
    int answer = due(#name, fd, NULL); \
    if (answer == 1) return -1; \
    if (answer == 2) { if ((size) > 1) { if (half) {} } DIE(); } \
    return whole
#define CHANGES(name, fd, path, whole) \
    REAL(name); \
    int answer = due(#name, fd, path); \
    if (answer == 1) return -1; \
    if (answer == 2) DIE(); \
    return whole

ssize_t write(int fd, const void *data, size_t size) {
    WRITES(write, fd, size, real(fd, data, size), real(fd, data, size / 2));
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    WRITES(pwrite, fd, size, real(fd, data, size, at), real(fd, data, size / 2, at));
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    WRITES(pwrite64, fd, size, real(fd, data, size, at), real(fd, data, size / 2, at));
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    WRITES(writev, fd, count, real(fd, parts, count), real(fd, parts, count / 2));
}
ssize_t send(int fd, const void *data, size_t size, int flags) {
    WRITES(send, fd, size, real(fd, data, size, flags), real(fd, data, size / 2, flags));
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    CHANGES(sendmsg, fd, NULL, real(fd, message, flags));
}
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
                        unsigned flags) {
    WRITES(copy_file_range, to, size, real(from, from_at, to, to_at, size, flags),
           real(from, from_at, to, to_at, size / 2, flags));
}
int rename(const char *old, const char *new) { CHANGES(rename, -1, new, real(old, new)); }
int unlink(const char *path) { CHANGES(unlink, -1, path, real(path)); }
int unlinkat(int dir, const char *path, int flags) {
    CHANGES(unlinkat, -1, path, real(dir, path, flags));
}
int rmdir(const char *path) { CHANGES(rmdir, -1, path, real(path)); }
int mkdir(const char *path, mode_t mode) { CHANGES(mkdir, -1, path, real(path, mode)); }
int ftruncate(int fd, off_t size) { CHANGES(ftruncate, fd, NULL, real(fd, size)); }
int ftruncate64(int fd, off64_t size) { CHANGES(ftruncate64, fd, NULL, real(fd, size)); }
int fsync(int fd) { CHANGES(fsync, fd, NULL, real(fd)); }
int fdatasync(int fd) { CHANGES(fdatasync, fd, NULL, real(fd)); }
pid_t fork(void) { CHANGES(fork, -1, NULL, real()); }

/* Only an open that may make or empty a file changes anything. */
#define OPENS(name, dir_and_path, path, flags) \
    REAL(name); \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TRUNC)) { \
        va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); \
        int answer = due(#name, -1, path); \
        if (answer == 1) return -1; \
        if (answer == 2) DIE(); \
    } \
    return real dir_and_path
int open(const char *path, int flags, ...) { OPENS(open, (path, flags, mode), path, flags); }
int open64(const char *path, int flags, ...) { OPENS(open64, (path, flags, mode), path, flags); }
