/*
 * Parts of the inspect tree: asked for, checked, shown as text or JSON, and read
 * field by field. The tree is the paravisor's and hostile.
 */
#ifndef VL_CTL_TREE_H
#define VL_CTL_TREE_H

#include "common/inspect/view.h"
#include "tools/vallumctl/ctl.h"
#include "tools/vallumctl/rpc.h"

#define TREE_ALL 64u /* a depth below which nothing is: INSPECT_DEPTH_MAX is less */

/*
 * Asks for what stands at `path`, `depth` folders deep. An exit status; *root is a
 * view of r's answer. A path that does not exist is CTL_REFUSED.
 */
int tree_ask(struct ctl *c, struct rpc *r, const char *path, unsigned depth, struct inspect_node *root);

/* Shows it: lines "name: value" indented by two blanks a level, or one JSON document. */
void tree_text(struct ctl *c, const struct inspect_node *root);
void tree_json(struct ctl *c, const struct inspect_node *root);

/*
 * What of it could not be had, said in one line: CTL_UNREACHABLE when something did not answer in time,
 * CTL_REFUSED when it failed otherwise, CTL_OK when all is there. `path`: where `root` stands.
 */
int tree_failed(struct ctl *c, const char *path, const struct inspect_node *root);
const char *tree_error_text(enum inspect_error error);

/* A whole command: asks on a connection of its own and shows, by --json or not, and says what failed. */
int tree_show(struct ctl *c, const char *path);

/* The entry of that name in a folder; false when there is none. */
bool tree_find(const struct inspect_node *folder, const char *name, struct inspect_entry *e);
/* Its value as a number; false when it is none or not there. */
bool tree_number(const struct inspect_node *folder, const char *name, uint64_t *out);
/* Its text, cut to `room` bytes with the NUL; "" when it is none or not there. */
void tree_string(const struct inspect_node *folder, const char *name, char *out, size_t room);

#endif
