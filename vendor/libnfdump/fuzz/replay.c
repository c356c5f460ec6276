/* Feeds files, or all files of directories, to the fuzz target: for compilers without libFuzzer. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long replayed;

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    uint8_t *data = malloc(1 << 24);
    const size_t size = data == NULL ? 0 : fread(data, 1, 1 << 24, file);
    fclose(file);
    /* A copy of the exact size: reads past the end are then errors. */
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    if (data == NULL || exact == NULL) {
        exit(1);
    }
    for (size_t i = 0; i < size; i++) {
        exact[i] = data[i];
    }
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    free(data);
    replayed++;
}

static void replay(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        replay_file(path);
        return;
    }
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char name[4096];
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            replay(name);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        replay(argv[i]);
    }
    printf("%lu inputs replayed\n", replayed);
    return replayed == 0;
}
