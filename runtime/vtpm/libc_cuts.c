/*
 * What libcrypto would call of libc for host names and for code that is loaded
 * at run time. The virtual TPM does neither: every call fails, and libc's
 * resolver and loader stay out of the program. Called by nobody that runs.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stddef.h>

void *dlopen(const char *file, int mode) { return NULL; }
void *dlsym(void *restrict handle, const char *restrict name) { return NULL; }
int dlclose(void *handle) { return -1; }
int dladdr(const void *address, Dl_info *info) { return 0; }
char *dlerror(void) { return NULL; }

int getaddrinfo(const char *restrict node, const char *restrict service,
	const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
	return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *list) { }
const char *gai_strerror(int error) { return ""; }

int getnameinfo(const struct sockaddr *restrict address, socklen_t size, char *restrict host,
	socklen_t host_size, char *restrict service, socklen_t service_size, int flags)
{
	return EAI_FAIL;
}

struct hostent *gethostbyname(const char *name) { return NULL; }
