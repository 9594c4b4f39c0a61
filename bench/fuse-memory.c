/* A file system of one file, f, in memory, on libfuse's low-level API: what to compare with. fuse-memory MOUNTPOINT -f [-s] */
#define FUSE_USE_VERSION 34
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE (64ul << 20)
static char *data;

static void attr_of(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof *st);
	st->st_ino = ino;
	st->st_mode = ino == 1 ? S_IFDIR | 0755 : S_IFREG | 0666;
	st->st_nlink = 1;
	st->st_size = ino == 1 ? 0 : FILE_SIZE;
}

static void fs_init(void *user, struct fuse_conn_info *conn)
{
	(void)user;
	conn->want &= ~(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
}

static void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .ino = 2 };
	if (parent != 1 || strcmp(name, "f")) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	attr_of(2, &e.attr);
	fuse_reply_entry(req, &e);
}

static void fs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;
	(void)fi;
	attr_of(ino, &st);
	fuse_reply_attr(req, &st, 0);
}

static void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->direct_io = 1;
	fuse_reply_open(req, fi);
}

static void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_buf(req, data + off, size);
}

static void fs_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	memcpy(data + off, buf, size);
	fuse_reply_write(req, size);
}

int main(int argc, char **argv)
{
	static const struct fuse_lowlevel_ops ops = {
		.init = fs_init, .lookup = fs_lookup, .getattr = fs_getattr, .open = fs_open, .read = fs_read, .write = fs_write,
	};
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct fuse_cmdline_opts opts;
	struct fuse_session *se;
	data = malloc(FILE_SIZE);
	memset(data, 1, FILE_SIZE);
	if (fuse_parse_cmdline(&args, &opts) || !(se = fuse_session_new(&args, &ops, sizeof ops, NULL)))
		return 1;
	fuse_set_signal_handlers(se);
	if (fuse_session_mount(se, opts.mountpoint))
		return 1;
	if (opts.singlethread)
		fuse_session_loop(se);
	else {
		struct fuse_loop_config config = { .clone_fd = 1, .max_idle_threads = 10 };
		fuse_session_loop_mt(se, &config);
	}
	fuse_session_unmount(se);
	return 0;
}
