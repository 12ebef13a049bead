/* sandbox_attack.c - what test_sandbox.sh preloads into the program: when a JPEG's header is read, in the decoder, it
 * does what the variable ATTACK says, as a decoder would that an image has taken over. Where the deed is done, or is
 * only refused, it says so on standard error and ends the program with status 99 or 98. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int done) {
    static const char did[] = "did\n", failed[] = "refused\n";
    (void)!write(2, done ? did : failed, strlen(done ? did : failed));
    _exit(done ? 99 : 98);
}

static int start_program(void) {
    char *words[] = {"sh", "-c", "echo did >&2; exit 99", NULL};
    execv("/bin/sh", words);
    return 0;
}

static int start_process(void) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    return child > 0 && waitpid(child, NULL, 0) == child;
}

static void attack(const char *what) {
    const char *path = getenv("ATTACK_PATH");
    if (strcmp(what, "exec") == 0) end(start_program());
    if (strcmp(what, "fork") == 0) end(start_process());
    if (strcmp(what, "system") == 0) end(system("true") == 0);
    if (strcmp(what, "socket") == 0) end(socket(AF_INET, SOCK_STREAM, 0) >= 0);
    if (strcmp(what, "kill") == 0) end(kill(getppid(), 0) == 0);
    if (strcmp(what, "read") == 0) end(open(path, O_RDONLY) >= 0);
    if (strcmp(what, "list") == 0) end(open(path, O_RDONLY | O_DIRECTORY) >= 0);
    if (strcmp(what, "write") == 0) end(open(path, O_WRONLY | O_CREAT, 0600) >= 0);
    if (strcmp(what, "remove") == 0) end(unlink(path) == 0);
}

int jpeg_read_header(void *decoder, int require_image);

int jpeg_read_header(void *decoder, int require_image) {
    int (*next)(void *, int);
    void *found = dlsym(RTLD_NEXT, "jpeg_read_header");
    if (!found) _exit(97);
    memcpy(&next, &found, sizeof next);
    if (getenv("ATTACK")) attack(getenv("ATTACK"));
    return next(decoder, require_image);
}
