/* The limit: how fast can one process take every message from an IMAP server at all?
 *
 *   cc -O2 -o floor floor.c -lssl -lcrypto
 *   floor PORT USER [-s] [-n] [-c] [-o DIR] [-y none|each|batch] [-u DIR] [-d V:M:N]
 *
 *   -u DIR    upload: every file of DIR, LF spelled CRLF, into INBOX by MULTIAPPEND with LITERAL+, 64 messages a command
 *   -d V:M:N  resynchronise DIR/INBOX, which -o made, from UIDVALIDITY V, HIGHESTMODSEQ M and UIDNEXT N on: QRESYNC, new bodies, renames,
 *             removals
 *   -s        TLS (the certificate is not checked)
 *   -n        only look whether anything changed: LIST and STATUS of every folder
 *   -c        keep CRLF in the files (default: store LF, as Maildir wants)
 *   -o DIR    write a Maildir per folder below DIR (default: read and throw away)
 *   -y none   no sync to disk
 *   -y each   fsync each file before its rename
 *   -y batch  write 512 files to tmp/, one syncfs, rename all to cur/, fsync cur/: as durable, at a fraction of the cost
 *
 * LOGIN with LIST right behind it, then EXAMINE and FETCH 1:* of all folders, all pipelined; bodies stream from the socket to
 * the file.  A yardstick, not a client: 127.0.0.1, password "pass", and it trusts the server. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    INPUT = 1 << 18,  /* bytes read from the server at once; also the longest line */
    OUTPUT = 1 << 19, /* bytes gathered for one write */
    BATCH = 512,      /* files that share a syncfs */
    FOLDERS = 4096,
    NAME = 64,
};

static enum { SYNC_NONE, SYNC_EACH, SYNC_BATCH } durable;
static bool tls, keep_crlf, look_only;
static const char *user, *out_dir, *upload_dir, *since;
static long messages, bytes;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ------------------------------------------------------------------------------------------------------ the connection */

static int sock;
static SSL *ssl;
static char input[INPUT + 1];
static size_t in_start, in_end; /* what is read and not yet used */

static void dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;

    sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(sock, (struct sockaddr *)&to, sizeof to))
        die("connect");
    if (!tls)
        return;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_read_ahead(context, 1);
    ssl = SSL_new(context);
    SSL_set_fd(ssl, sock);
    if (SSL_connect(ssl) != 1)
        die("tls");
}

/* Adds to the input.  A line that fills the whole buffer is more than a yardstick needs to understand. */
static void fill(void)
{
    if (in_start == in_end)
        in_start = in_end = 0;
    if (in_end == INPUT) {
        memmove(input, input + in_start, in_end - in_start);
        in_end -= in_start;
        in_start = 0;
    }
    if (in_end == INPUT) {
        fprintf(stderr, "floor: line too long\n");
        exit(1);
    }
    size_t room = INPUT - in_end;
    ssize_t got = ssl ? SSL_read(ssl, input + in_end, room) : read(sock, input + in_end, room);
    if (got <= 0)
        die("read");
    in_end += got;
}

/* The next line without its CRLF; valid until the next call. */
static char *read_line(size_t *length)
{
    size_t seen = 0;
    char *end;

    while (!(end = memchr(input + in_start + seen, '\n', in_end - in_start - seen))) {
        seen = in_end - in_start;
        fill();
    }
    char *line = input + in_start;
    in_start = end + 1 - input;
    *length = end - line;
    if (*length && line[*length - 1] == '\r')
        --*length;
    line[*length] = 0;
    return line;
}

static void send_text(const char *text)
{
    size_t left = strlen(text);

    while (left) {
        ssize_t sent = ssl ? SSL_write(ssl, text, left) : write(sock, text, left);
        if (sent <= 0)
            die("write");
        text += sent;
        left -= sent;
    }
}

__attribute__((format(printf, 1, 2))) static void command(const char *format, ...)
{
    char text[8192];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    send_text(text);
}

static bool starts(const char *line, const char *with)
{
    return !strncmp(line, with, strlen(with));
}

/* ------------------------------------------------------------------------------------------------------------- the sink */

static int cur = -1, tmp = -1; /* directories of the folder that is being filled */
static int file = -1;
static char output[OUTPUT];
static size_t out_length;
static char names[BATCH][NAME]; /* written to tmp/, not yet renamed */
static int waiting;

static void rename_to_cur(const char *name)
{
    char to[NAME + 4];

    snprintf(to, sizeof to, "%.*s:2,", NAME - 1, name);
    if (renameat(tmp, name, cur, to))
        die("rename");
}

static void finish_batch(void)
{
    if (!waiting)
        return;
    if (syncfs(tmp))
        die("syncfs");
    for (int i = 0; i < waiting; i++)
        rename_to_cur(names[i]);
    if (fsync(cur))
        die("fsync");
    waiting = 0;
}

static void close_folder(void)
{
    if (cur < 0)
        return;
    finish_batch();
    if (durable == SYNC_EACH && fsync(cur))
        die("fsync");
    close(cur);
    close(tmp);
    cur = tmp = -1;
}

/* Makes out_dir/folder with all parents, or part of it, and opens it. */
static int make_directory(const char *folder, const char *part)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s%s", out_dir, folder, part);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0700);
    }
    mkdir(path, 0700);
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        die(path);
    return directory;
}

static void open_folder(const char *folder)
{
    if (!out_dir)
        return;
    close_folder();
    close(make_directory(folder, "/new"));
    cur = make_directory(folder, "/cur");
    tmp = make_directory(folder, "/tmp");
}

static void write_out(void)
{
    for (size_t done = 0; done < out_length;) {
        ssize_t wrote = write(file, output + done, out_length - done);
        if (wrote <= 0)
            die("write");
        done += wrote;
    }
    out_length = 0;
}

static void open_message(unsigned long uid)
{
    messages++;
    if (!out_dir)
        return;
    snprintf(names[waiting], NAME, "%lu.floor", uid);
    file = openat(tmp, names[waiting], O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0)
        die("open");
}

/* Every CR goes, not only the one before LF: good enough to measure with. */
static void put(const char *data, size_t length)
{
    bytes += length;
    if (!out_dir)
        return;
    for (const char *end = data + length; data < end;) {
        const char *cr = keep_crlf ? NULL : memchr(data, '\r', end - data);
        size_t run = (cr ? cr : end) - data;
        if (run > OUTPUT - out_length)
            write_out();
        memcpy(output + out_length, data, run);
        out_length += run;
        data += run + (cr != NULL);
    }
}

static void close_message(void)
{
    if (!out_dir)
        return;
    write_out();
    if (durable == SYNC_EACH && fsync(file))
        die("fsync");
    close(file);
    if (durable != SYNC_BATCH)
        rename_to_cur(names[waiting]);
    else if (++waiting == BATCH)
        finish_batch();
}

static unsigned long uid_of(const char *line)
{
    const char *at = strstr(line, "UID ");

    return at ? strtoul(at + 4, NULL, 10) : 0;
}

static void take_literal(size_t length, unsigned long uid)
{
    open_message(uid);
    while (length) {
        if (in_start == in_end)
            fill();
        size_t part = in_end - in_start < length ? in_end - in_start : length;
        put(input + in_start, part);
        in_start += part;
        length -= part;
    }
    close_message();
}

/* ------------------------------------------------------------------------------------------------------------- the jobs */

static char *folders[FOLDERS];
static int folder_count;

/* * LIST (flags) "/" name, or "name" */
static void note_folder(char *line)
{
    char *name = strstr(line, "\" ");

    if (!name || strcasestr(line, "\\NoSelect") || folder_count == FOLDERS)
        return;
    name += 2;
    if (*name == '"') {
        name++;
        name[strlen(name) - 1] = 0;
    }
    folders[folder_count++] = strdup(name);
}

static void log_in_and_list(int port)
{
    size_t length;
    char *line;

    dial(port);
    read_line(&length);
    command("a LOGIN %s pass\r\nb LIST \"\" \"*\"\r\n", user);
    do {
        line = read_line(&length);
        if (starts(line, "* LIST "))
            note_folder(line);
        if (starts(line, "a NO"))
            exit(3);
    } while (!starts(line, "b "));
}

static void look(void)
{
    size_t length;

    for (int i = 0; i < folder_count; i++)
        command("e%d STATUS \"%s\" (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)\r\n", i, folders[i]);
    send_text("z LOGOUT\r\n");
    while (!starts(read_line(&length), "z "))
        ;
}

static void fetch(void)
{
    size_t length;
    char *line, last[16];

    for (int i = 0; i < folder_count; i++)
        command("e%d EXAMINE \"%s\"\r\nf%d FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])\r\n", i, folders[i], i);
    snprintf(last, sizeof last, "f%d ", folder_count - 1);
    while (!starts(line = read_line(&length), "z ")) {
        if (*line == 'e')
            open_folder(folders[atoi(line + 1)]);
        else if (*line == '*' && length > 3 && line[length - 1] == '}')
            take_literal(strtoul(strrchr(line, '{') + 1, NULL, 10), uid_of(line)); /* line is void from here on */
        else if (starts(line, last))
            /* Not sooner: behind a long answer, a slow reader of a TLS connection was seen to lose the end of it. */
            send_text("z LOGOUT\r\n");
    }
    close_folder();
}

/* ------------------------------------------------------------------------------------------------------ the other way */

static void send_all(const char *data, size_t length)
{
    while (length) {
        ssize_t sent = ssl ? SSL_write(ssl, data, length) : write(sock, data, length);
        if (sent <= 0)
            die("write");
        data += sent;
        length -= sent;
    }
}

static void upload(void)
{
    DIR *directory = opendir(upload_dir);
    struct dirent *entry;
    size_t length, room = 0, raw_room = 0;
    char *text = NULL, *raw = NULL, *line;
    int in_command = 0, commands = 0;

    if (!directory)
        die(upload_dir);
    while ((entry = readdir(directory))) {
        if (*entry->d_name == '.')
            continue;
        int from = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
        struct stat about;
        if (from < 0 || fstat(from, &about))
            die(entry->d_name);
        size_t size = about.st_size, used = 0;
        if (size > raw_room)
            raw = realloc(raw, raw_room = size);
        if (2 * size + 64 > room)
            text = realloc(text, room = 2 * size + 64);
        if (read(from, raw, size) != (ssize_t)size)
            die(entry->d_name);
        close(from);
        for (const char *at = raw, *end = raw + size; at < end;) {
            const char *lf = memchr(at, '\n', end - at);
            size_t part = (lf ? lf : end) - at;
            memcpy(text + used, at, part);
            used += part;
            at += part;
            if (lf) {
                text[used++] = '\r';
                text[used++] = '\n';
                at++;
            }
        }
        if (!in_command)
            command("u%d APPEND INBOX", commands++);
        command(" () {%zu+}\r\n", used);
        send_all(text, used);
        messages++;
        bytes += used;
        if (++in_command == 64) {
            send_text("\r\n");
            in_command = 0;
        }
    }
    if (in_command)
        send_text("\r\n");
    send_text("z LOGOUT\r\n");
    while (!starts(line = read_line(&length), "z "))
        if (*line == 'u' && !strstr(line, " OK"))
            die(line);
}

static void resynchronise(void)
{
    unsigned long validity, mod_seq, next, uid, last;
    size_t length;
    char *line, from[NAME], to[NAME];

    if (sscanf(since, "%lu:%lu:%lu", &validity, &mod_seq, &next) != 3)
        exit(64);
    open_folder("INBOX");
    command("e ENABLE QRESYNC\r\nf EXAMINE INBOX (QRESYNC (%lu %lu))\r\ng UID FETCH %lu:* (UID FLAGS INTERNALDATE BODY.PEEK[])\r\nz LOGOUT\r\n",
            validity, mod_seq, next);
    while (!starts(line = read_line(&length), "z ")) {
        if (starts(line, "* VANISHED (EARLIER) ")) {
            for (char *at = line + 21; *at;) {
                uid = last = strtoul(at, &at, 10);
                if (*at == ':')
                    last = strtoul(at + 1, &at, 10);
                for (; uid <= last; uid++) {
                    snprintf(from, sizeof from, "%lu.floor:2,", uid);
                    if (unlinkat(cur, from, 0)) {
                        strcat(from, "F");
                        unlinkat(cur, from, 0);
                    }
                }
                if (*at == ',')
                    at++;
            }
        } else if (*line == '*' && length > 3 && line[length - 1] == '}') {
            take_literal(strtoul(strrchr(line, '{') + 1, NULL, 10), uid_of(line));
        } else if (strstr(line, " FETCH (") && strstr(line, "\\Flagged") && (uid = uid_of(line)) && uid < next) {
            /* The only flag that the job changes; the others are in no name of the floor's. */
            snprintf(from, sizeof from, "%lu.floor:2,", uid);
            snprintf(to, sizeof to, "%lu.floor:2,F", uid);
            renameat(cur, from, cur, to);
        }
    }
    close_folder();
}

int main(int count, char **arguments)
{
    int option;

    while ((option = getopt(count, arguments, "snco:y:u:d:")) > 0) {
        switch (option) {
        case 's': tls = true; break;
        case 'n': look_only = true; break;
        case 'c': keep_crlf = true; break;
        case 'o': out_dir = optarg; break;
        case 'u': upload_dir = optarg; break;
        case 'd': since = optarg; break;
        case 'y': durable = *optarg == 'e' ? SYNC_EACH : *optarg == 'b' ? SYNC_BATCH : SYNC_NONE; break;
        default: return 64;
        }
    }
    if (count - optind != 2) {
        fprintf(stderr, "floor PORT USER [-s] [-n] [-c] [-o DIR] [-y none|each|batch] [-u DIR] [-d V:M:N]\n");
        return 64;
    }
    user = arguments[optind + 1];
    log_in_and_list(atoi(arguments[optind]));
    if (look_only)
        look();
    else if (upload_dir)
        upload();
    else if (since)
        resynchronise();
    else
        fetch();
    fprintf(stderr, "%ld messages %ld bytes\n", messages, bytes);
    return 0;
}
