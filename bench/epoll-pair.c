/*
 * What the messenger is held against: two processes that exchange requests and answers of given sizes over
 * TCP with epoll, and nothing else. Whatever came in one read is answered with one write.
 *
 *   epoll-pair server REQUEST REPLY            prints its port; ends when its client does, prints CPU us
 *   epoll-pair client PORT DEPTH REQUEST REPLY SECONDS   prints {"ops":..,"seconds":..,"cpuUs":..}
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>
#include <errno.h>

#define READ_SIZE (256 * 1024)

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu_us(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

struct stream {
  int fd, ep, armed;
  char *out;
  size_t unsent, piece;
};

/* Sends `unsent` bytes, all of them copies of one piece; arms EPOLLOUT when the socket is full. */
static void push(struct stream *s) {
  while (s->unsent > 0) {
    size_t n = s->unsent < s->piece ? s->unsent : s->piece;
    ssize_t w = send(s->fd, s->out, n, MSG_NOSIGNAL);
    if (w < 0 && errno == EAGAIN) break;
    if (w < 0) die("send");
    s->unsent -= w;
  }
  int want = s->unsent > 0;
  if (want == s->armed) return;
  struct epoll_event ev = {.events = EPOLLIN | (want ? EPOLLOUT : 0)};
  if (epoll_ctl(s->ep, EPOLL_CTL_MOD, s->fd, &ev) < 0) die("epoll_ctl");
  s->armed = want;
}

int main(int argc, char **argv) {
  int is_server = argc == 4 && strcmp(argv[1], "server") == 0;
  if (!is_server && argc != 7) return 2;
  size_t in_size = atol(argv[is_server ? 2 : 5]), out_size = atol(argv[is_server ? 3 : 4]);
  int depth = is_server ? 0 : atoi(argv[3]);
  double seconds = is_server ? 0 : atof(argv[6]);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct stream s = {.ep = epoll_create1(0), .piece = 64 * out_size};
  s.out = malloc(s.piece);
  memset(s.out, 'x', s.piece);
  if (is_server) {
    int l = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof at;
    if (bind(l, (struct sockaddr *)&at, sizeof at) < 0 || listen(l, 1) < 0) die("listen");
    getsockname(l, (struct sockaddr *)&at, &len);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    s.fd = accept(l, NULL, NULL);
  } else {
    at.sin_port = htons(atoi(argv[2]));
    s.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s.fd, (struct sockaddr *)&at, sizeof at) < 0) die("connect");
  }
  int one = 1;
  setsockopt(s.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(s.fd, F_SETFL, O_NONBLOCK);
  struct epoll_event ev = {.events = EPOLLIN};
  if (epoll_ctl(s.ep, EPOLL_CTL_ADD, s.fd, &ev) < 0) die("epoll_ctl");
  char *in = malloc(READ_SIZE);
  size_t have = 0;
  long ops = 0, skipped = 0;
  double began = now(), warm = is_server ? 0 : began + 0.5, cpu0 = cpu_us();
  s.unsent = depth * out_size;
  push(&s);
  for (;;) {
    struct epoll_event got;
    if (epoll_wait(s.ep, &got, 1, -1) < 0) die("epoll_wait");
    if (got.events & EPOLLOUT) push(&s);
    if (!(got.events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
    ssize_t n = recv(s.fd, in, READ_SIZE, 0);
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0) break;
    have += n;
    long whole = have / in_size;
    have -= whole * in_size;
    ops += whole;
    s.unsent += whole * out_size;
    push(&s);
    if (is_server) continue;
    double t = now();
    if (skipped == 0 && t > warm) {
      skipped = ops;
      began = t;
      cpu0 = cpu_us();
    }
    if (skipped > 0 && t - began > seconds) {
      printf("{\"ops\":%ld,\"seconds\":%f,\"cpuUs\":%f}\n", ops - skipped, t - began, cpu_us() - cpu0);
      return 0;
    }
  }
  printf("{\"ops\":%ld,\"cpuUs\":%f}\n", ops, cpu_us() - cpu0);
  return 0;
}
