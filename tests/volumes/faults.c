/* Injects errors of a volume: preloaded into a worker, it lets calls on chosen paths fail with a chosen error.
 *
 * FAULTS holds rules, one per line: CALL ERRNO PART. The call fails with the error if its path contains PART. CALL is
 * one of the names passed to `fails` below. Calls on descriptors have the path that /proc/self/fd shows.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

static int fails(const char *call, const char *path)
{
    const char *rule = getenv("FAULTS");
    while (path && rule && *rule) {
        char line[PATH_MAX] = "", name[32] = "", part[PATH_MAX] = "";
        int number = 0;
        sscanf(rule, "%4000[^\n]", line);
        sscanf(line, "%31s %d %4000s", name, &number, part);
        if (number && !strcmp(name, call) && strstr(path, part)) {
            errno = number;
            return 1;
        }
        rule = strchr(rule, '\n');
        rule = rule ? rule + 1 : NULL;
    }
    return 0;
}

static const char *path_of(int file, char *buffer)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = REAL(readlink)(link, buffer, PATH_MAX - 1);
    if (length < 0)
        return NULL;
    buffer[length] = 0;
    return buffer;
}

static const char *path_at(int folder, const char *path, char *buffer)
{
    char base[PATH_MAX];
    if (folder == AT_FDCWD || *path == '/' || !path_of(folder, base))
        return path;
    snprintf(buffer, PATH_MAX, "%.2000s/%.2000s", base, path);
    return buffer;
}

static int is_folder(const char *path)
{
    struct stat state;
    return REAL(lstat)(path, &state) == 0 && S_ISDIR(state.st_mode);
}

static int rename_refused(const char *from, const char *to)
{
    return fails("rename", to) || (is_folder(from) && fails("rename_folder", to));
}

static int open_refused(const char *path, int flags)
{
    return fails("open", path) || ((flags & O_DIRECT) && fails("open_direct", path))
        || ((flags & O_CREAT) && fails("create", path));
}

#define MODE(flags) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }
#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { MODE(flags) return open_refused(path, flags) ? -1 : REAL(name)(path, flags, mode); }
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) \
    { MODE(flags) char at[PATH_MAX]; \
      return open_refused(path_at(folder, path, at), flags) ? -1 : REAL(name)(folder, path, flags, mode); }
#define STAT(name, type) \
    int name(const char *restrict path, struct type *restrict state) \
    { return fails("stat", path) ? -1 : REAL(name)(path, state); }
#define STATAT(name, type) \
    int name(int folder, const char *restrict path, struct type *restrict state, int flags) \
    { char at[PATH_MAX]; \
      return fails("stat", path_at(folder, path, at)) ? -1 : REAL(name)(folder, path, state, flags); }
#define ON_FILE(call, type, name, parameters, arguments) \
    type name parameters \
    { char at[PATH_MAX]; return fails(call, path_of(file, at)) ? -1 : REAL(name) arguments; }

OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64)
STAT(stat, stat) STAT(stat64, stat64) STAT(lstat, stat) STAT(lstat64, stat64)
STATAT(fstatat, stat) STATAT(fstatat64, stat64)
ON_FILE("read", ssize_t, read, (int file, void *data, size_t size), (file, data, size))
ON_FILE("read", ssize_t, pread64, (int file, void *data, size_t size, off64_t at_), (file, data, size, at_))
ON_FILE("write", ssize_t, write, (int file, const void *data, size_t size), (file, data, size))
ON_FILE("write", ssize_t, pwrite64, (int file, const void *data, size_t size, off64_t at_), (file, data, size, at_))
ON_FILE("fsync", int, fsync, (int file), (file))
ON_FILE("chmod", int, fchmod, (int file, mode_t mode), (file, mode))
ON_FILE("fallocate", int, fallocate, (int file, int how, off_t from, off_t size), (file, how, from, size))
extern int flock(int file, int operation);
ON_FILE("flock", int, flock, (int file, int operation), (file, operation))

DIR *opendir(const char *path) { return fails("list", path) ? NULL : REAL(opendir)(path); }
int chmod(const char *path, mode_t mode) { return fails("chmod", path) ? -1 : REAL(chmod)(path, mode); }
int fchmodat(int folder, const char *path, mode_t mode, int flags)
{
    char at[PATH_MAX];
    return fails("chmod", path_at(folder, path, at)) ? -1 : REAL(fchmodat)(folder, path, mode, flags);
}
int mkdir(const char *path, mode_t mode) { return fails("mkdir", path) ? -1 : REAL(mkdir)(path, mode); }
int unlink(const char *path) { return fails("unlink", path) ? -1 : REAL(unlink)(path); }
int rename(const char *from, const char *to) { return rename_refused(from, to) ? -1 : REAL(rename)(from, to); }
int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return rename_refused(from, to) ? -1 : REAL(renameat)(from_folder, from, to_folder, to);
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned int flags)
{
    return rename_refused(from, to) ? -1 : REAL(renameat2)(from_folder, from, to_folder, to, flags);
}
