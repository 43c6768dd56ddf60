/*
 * An SMTP server that takes mail as fast as a client can send it, for benchmarks.
 *
 * One thread, epoll, loopback only. It offers PIPELINING, 8BITMIME and SMTPUTF8, no SIZE; of a
 * message it finds nothing but the final dot, wherever that falls in the stream, and answers at
 * once. XCOUNT answers how many messages it took; so does SIGUSR1, and the end, on stdout.
 *
 *     cc -O2 -o sink sink.c && ./sink PORT
 *
 * Port 0 takes a free one. The first line on stdout is the port. It ends at SIGTERM or SIGINT.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, CHUNK = 1 << 20, LINE = 4096, REPLIES = 1 << 16, OVERLAP = 4 };

struct connection {
    int fd;
    int recipients;
    int in_data;
    size_t kept;         /* octets in tail (message) or line (command) */
    char tail[OVERLAP];  /* the last octets seen of a message */
    char line[LINE];
};

static unsigned long messages, octets;
static char buffer[OVERLAP + CHUNK];
static char replies[REPLIES];
static size_t replied;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void report(void) {
    printf("messages %lu octets %lu\n", messages, octets);
    fflush(stdout);
}

static void reply(const char *text) {
    size_t length = strlen(text);
    if (replied + length <= REPLIES) {
        memcpy(replies + replied, text, length);
        replied += length;
    }
}

static int is(const char *line, const char *verb) {
    return strncasecmp(line, verb, strlen(verb)) == 0;
}

static void begin_message(struct connection *client) {
    reply("354 go on\r\n");
    client->in_data = 1;
    /* An empty message is a dot on the first line. */
    memcpy(client->tail, "\r\n", 2);
    client->kept = 2;
}

/* Answer one command; 0 when the client is leaving. */
static int command(struct connection *client, const char *line) {
    char count[64];
    if (is(line, "EHLO"))
        reply("250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n");
    else if (is(line, "DATA") && client->recipients)
        begin_message(client);
    else if (is(line, "DATA"))
        reply("554 5.5.1 no valid recipients\r\n");
    else if (is(line, "MAIL") || is(line, "RSET")) {
        client->recipients = 0;
        reply("250 2.0.0 ok\r\n");
    } else if (is(line, "RCPT")) {
        client->recipients++;
        reply("250 2.1.5 ok\r\n");
    } else if (is(line, "XCOUNT")) {
        snprintf(count, sizeof count, "250 %lu\r\n", messages);
        reply(count);
    } else if (is(line, "QUIT")) {
        reply("221 2.0.0 bye\r\n");
        return 0;
    } else if (is(line, "HELO") || is(line, "NOOP"))
        reply("250 sink\r\n");
    else
        reply("502 5.5.1 unknown\r\n");
    return 1;
}

/* Take commands from data; answers how much it took, -1 when the client leaves. */
static ssize_t take_commands(struct connection *client, const char *data, size_t length) {
    const char *end = memchr(data, '\n', length);
    size_t part = end ? (size_t)(end - data) + 1 : length;
    if (client->kept + part >= LINE)
        return -1;
    memcpy(client->line + client->kept, data, part);
    client->kept += part;
    if (!end)
        return (ssize_t)part;
    client->line[client->kept] = '\0';
    client->kept = 0;
    return command(client, client->line) ? (ssize_t)part : -1;
}

/* The dot of CR LF dot CR LF, or NULL. Base64 has no dots, so there is little to look at. */
static const char *final_dot(const char *data, size_t length) {
    const char *end = data + length, *dot = data;
    while ((dot = memchr(dot, '.', (size_t)(end - dot)))) {
        if (dot - data >= 2 && end - dot >= 3 && dot[-2] == '\r' && dot[-1] == '\n' &&
            dot[1] == '\r' && dot[2] == '\n')
            return dot;
        dot++;
    }
    return NULL;
}

/* Take message octets; OVERLAP octets before data may be written over. */
static size_t take_message(struct connection *client, char *data, size_t length) {
    char *from = data - client->kept;
    size_t have = length + client->kept;
    memcpy(from, client->tail, client->kept);
    const char *dot = final_dot(from, have);
    if (dot) {
        messages++;
        client->in_data = client->recipients = 0;
        client->kept = 0;
        reply("250 2.0.0 taken\r\n");
        return (size_t)(dot + 3 - data);
    }
    client->kept = have < OVERLAP ? have : OVERLAP;
    memcpy(client->tail, from + have - client->kept, client->kept);
    return length;
}

/* Read what there is and answer it in one write; 0 when the connection is over. */
static int serve(struct connection *client) {
    ssize_t length = read(client->fd, buffer + OVERLAP, CHUNK);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    if (length <= 0)
        return 0;
    octets += (size_t)length;
    char *at = buffer + OVERLAP, *end = at + length;
    int staying = 1;
    while (at < end && staying) {
        size_t left = (size_t)(end - at);
        ssize_t taken = client->in_data ? (ssize_t)take_message(client, at, left)
                                        : take_commands(client, at, left);
        staying = taken >= 0;
        at += taken;
    }
    if (replied && write(client->fd, replies, replied) != (ssize_t)replied)
        staying = 0;
    replied = 0;
    return staying;
}

static void watch(int epoll, int fd, void *owner) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        fail("epoll_ctl");
}

static void greet(int epoll, int listener) {
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *client = calloc(1, sizeof *client);
    if (!client)
        fail("calloc");
    client->fd = fd;
    watch(epoll, fd, client);
    if (write(fd, "220 sink ESMTP\r\n", 16) != 16)
        perror("greeting");
}

static int listen_on(int port) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, 1024))
        fail("listen");
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static int listen_to_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

/* Report; 0 when the signal was one to end at. */
static int signalled(int signals) {
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info)
        return 1;
    report();
    return info.ssi_signo == SIGUSR1;
}

int main(int count, char **arguments) {
    struct epoll_event events[EVENTS];
    int signals = listen_to_signals();
    int listener = listen_on(count > 1 ? atoi(arguments[1]) : 0);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, listener, &listener);
    watch(epoll, signals, &signals);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int index = 0; index < ready; index++) {
            void *owner = events[index].data.ptr;
            if (owner == &listener)
                greet(epoll, listener);
            else if (owner == &signals) {
                if (!signalled(signals))
                    return 0;
            } else if (!serve(owner)) {
                close(((struct connection *)owner)->fd);
                free(owner);
            }
        }
    }
}
