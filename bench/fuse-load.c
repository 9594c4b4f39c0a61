/* fuse-load MODE PATH THREADS SECONDS: calls a second on one file of a mount. MODE: fstat, read4k, read1m, write1m. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_SIZE (64ul << 20)

static const char *mode, *path;
static volatile int stop;

static void *work(void *arg)
{
	unsigned long done = 0;
	unsigned seed = (unsigned)(size_t)arg;
	int fd = open(path, O_RDWR | O_DIRECT);
	size_t block = strcmp(mode, "read4k") ? 1 << 20 : 4096;
	char *buffer = aligned_alloc(4096, block);
	struct stat st;
	if (fd < 0) {
		perror(path);
		exit(1);
	}
	memset(buffer, 7, block);
	while (!stop) {
		off_t at = (off_t)(rand_r(&seed) % (FILE_SIZE / block)) * block;
		ssize_t n;
		if (!strcmp(mode, "fstat"))
			n = fstat(fd, &st);
		else if (!strcmp(mode, "write1m"))
			n = pwrite(fd, buffer, block, at);
		else
			n = pread(fd, buffer, block, at);
		if (n < 0) {
			perror(mode);
			exit(1);
		}
		done++;
	}
	return (void *)done;
}

int main(int argc, char **argv)
{
	int threads = atoi(argv[3]);
	pthread_t ids[64];
	unsigned long total = 0;
	struct timespec begin, end;
	mode = argv[1];
	path = argv[2];
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < threads; i++)
		pthread_create(&ids[i], NULL, work, (void *)(size_t)(i + 1));
	usleep(atof(argv[4]) * 1e6);
	stop = 1;
	for (int i = 0; i < threads; i++) {
		void *done;
		pthread_join(ids[i], &done);
		total += (unsigned long)done;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%lu %f\n", total, (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) / 1e9);
	return 0;
}
