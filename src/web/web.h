/*
 * The web role: the same program in a process of its own, which has no rights, sees no file and
 * reaches no address. Descriptor 0 is the engine; from 3 on come the listening sockets, opened by
 * the engine. It tells on standard error what the log should say.
 */
#ifndef BACKUPD_WEB_WEB_H
#define BACKUPD_WEB_WEB_H

/*
 * The role itself, started as ROLE_WEB of role_json.h says: reads its settings from the engine, becomes `user` in the empty `folder`, and
 * serves on `sockets` listening descriptors until the engine is gone. Returns the exit status.
 */
int web_main(const char *user, const char *folder, const char *sockets);

#endif
