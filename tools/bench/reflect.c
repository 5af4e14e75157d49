/* SPDX-License-Identifier: MIT
 * reflect.c - the far end of what a router forwards: sends each UDP datagram to PORT back to where it came from, many at a
 * time, so that it is not what is measured. Runs until it is ended.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BURST 64
#define SIZE  2048

int main(int argc, char **argv)
{
	static char data[BURST][SIZE];
	static struct sockaddr_in from[BURST];
	static struct iovec iov[BURST];
	static struct mmsghdr msgs[BURST];
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), n;

	if (argc != 2) {
		fprintf(stderr, "usage: reflect PORT\n");
		return 2;
	}
	a.sin_port = htons((unsigned short)atoi(argv[1]));
	if (bind(fd, (void *)&a, sizeof a) < 0) {
		perror("reflect: bind");
		return 1;
	}
	for (;;) {
		for (int i = 0; i < BURST; i++) {
			iov[i] = (struct iovec){ data[i], SIZE };
			msgs[i].msg_hdr = (struct msghdr){ &from[i], sizeof from[i], &iov[i], 1, NULL, 0, 0 };
		}
		n = recvmmsg(fd, msgs, BURST, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++)
			iov[i].iov_len = msgs[i].msg_len;
		if (n > 0 && sendmmsg(fd, msgs, (unsigned)n, 0) < 0) {
			perror("reflect: send");
			return 1;
		}
	}
}
