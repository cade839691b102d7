//go:build cgo && seccomp

#include <errno.h>
#include <unistd.h>
#include <seccomp.h>

// The linker has libseccomp's users call these in place of its own functions (compile.go says why).

int compiled_filter = -1; // file with the program of the filter that is about to be described; -1: libseccomp compiles it
int compile_filter = -1;  // file that takes the program, and then nothing is loaded

int __real_seccomp_rule_add_array(scmp_filter_ctx, uint32_t, int, unsigned int, const struct scmp_arg_cmp *);
int __real_seccomp_export_bpf(const scmp_filter_ctx, int);

int __wrap_seccomp_rule_add_array(scmp_filter_ctx ctx, uint32_t action, int call, unsigned int count, const struct scmp_arg_cmp *args)
{
	return compiled_filter >= 0 ? 0 : __real_seccomp_rule_add_array(ctx, action, call, count, args);
}

static int copy(int from, int to)
{
	char part[4096];
	ssize_t n, written;
	off_t at = 0;
	while ((n = pread(from, part, sizeof(part), at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		written = write(to, part, n); // what it leaves out is read again
		if (written < 0 && errno != EINTR)
			return -errno;
		at += written > 0 ? written : 0;
	}
	return 0;
}

int __wrap_seccomp_export_bpf(const scmp_filter_ctx ctx, int fd)
{
	int failed;
	if (compile_filter >= 0) {
		failed = __real_seccomp_export_bpf(ctx, compile_filter);
		return failed ? failed : -ECANCELED;
	}
	return compiled_filter >= 0 ? copy(compiled_filter, fd) : __real_seccomp_export_bpf(ctx, fd);
}
