/* The limit: how fast can one process take every message from an IMAP or POP3 server, follow its changes, or send messages there?
 *
 *   cc -O2 -o floor floor.c -lssl -lcrypto
 *   floor PORT USER [-s] [-p] [-n | -d | -u DIR] [-c] [-o DIR] [-y none|each|batch]
 *
 *   -s        TLS (the certificate is not checked)
 *   -p        POP3: STAT, UIDL, and RETR of all messages, pipelined; with -n no RETR
 *   -n        only look whether anything changed: LIST and STATUS of every folder
 *   -d        bring INBOX below -o DIR, which an earlier run wrote, up to date by QRESYNC
 *   -u DIR    send the Maildir DIR to INBOX
 *   -c        keep CRLF in the files (default: store LF, as Maildir wants)
 *   -o DIR    write a Maildir per folder below DIR (default: read and throw away)
 *   -y none   no sync to disk
 *   -y each   fsync each file before its rename
 *   -y batch  write 512 files to tmp/, one syncfs, rename all to cur/, fsync cur/: as durable, at a fraction of the cost
 *
 * LOGIN with LIST right behind it, then EXAMINE and FETCH 1:* of all folders, all pipelined; bodies stream from the socket to
 * the file.  Its memory of a folder is a file with the flags of each UID, so that it knows every name without looking: nothing
 * here is its own to find out.  A yardstick, not a client: 127.0.0.1, password "pass", and it trusts the server. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    INPUT = 1 << 18,  /* bytes read from the server at once; also the longest line */
    OUTPUT = 1 << 19, /* bytes gathered for one write */
    BATCH = 512,      /* files that share a syncfs */
    APPENDS = 100,    /* messages in one APPEND (MULTIAPPEND): Dovecot takes one each in 1.3 times the time */
    WINDOW = 64,      /* RETR under way, at most one and a half times that */
    FOLDERS = 4096,
    NAME = 64,
};

static enum { SYNC_NONE, SYNC_EACH, SYNC_BATCH } durable;
static bool tls, keep_crlf, look_only, changes_only, by_pop3;
static const char *user, *out_dir, *upload_dir;
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

static void send_bytes(const char *data, size_t left)
{
    while (left) {
        ssize_t sent = ssl ? SSL_write(ssl, data, left) : write(sock, data, left);
        if (sent <= 0)
            die("write");
        data += sent;
        left -= sent;
    }
}

static void send_text(const char *text)
{
    send_bytes(text, strlen(text));
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

/* ---------------------------------------------------------------------------------------------------------------- flags */

/* One bit each, in the order of their letters. */
static const struct flag {
    char letter;
    const char *word;
} flags[] = {{'D', "\\Draft"}, {'F', "\\Flagged"}, {'P', "$Forwarded"}, {'R', "\\Answered"}, {'S', "\\Seen"}, {'T', "\\Deleted"}};
enum { FLAGS = sizeof flags / sizeof *flags };

/* Of a FETCH answer: what is between the parentheses behind FLAGS. */
static unsigned char flags_in(const char *line)
{
    unsigned char found = 0;
    const char *at = strstr(line, "FLAGS (");
    const char *end = at ? strchr(at, ')') : NULL;

    for (int i = 0; end && i < FLAGS; i++) {
        const char *word = strstr(at, flags[i].word);
        if (word && word < end)
            found |= 1 << i;
    }
    return found;
}

static unsigned long uid_in(const char *line)
{
    const char *at = strstr(line, "UID ");

    return at ? strtoul(at + 4, NULL, 10) : 0;
}

static void name_in_cur(char *name, unsigned long uid, unsigned char bits)
{
    name += sprintf(name, "%lu:2,", uid);
    for (int i = 0; i < FLAGS; i++)
        if (bits & 1 << i)
            *name++ = flags[i].letter;
    *name = 0;
}

/* ------------------------------------------------------------------------------------------------------------- the sink */

/* What is remembered of a folder, in a file beside cur/.  It is not synced: an old one leads to the same end. */
struct state {
    uint64_t validity, modseq, next;
    unsigned char flags[]; /* by UID */
};

static uint64_t validity, modseq, next;  /* as the server told them for the folder that it opened last */
static int state_file = -1;
static int cur = -1, tmp = -1; /* directories of the folder that is being filled */
static int file = -1;
static char output[OUTPUT];
static size_t out_length;
static struct { /* written to tmp/, not yet renamed */
    unsigned long uid;
    unsigned char flags;
} written[BATCH];
static int waiting;
static bool renamed; /* in cur/, since it was synced */

static void remember_folder(void)
{
    struct state head = {validity, modseq, next};

    if (out_dir && pwrite(state_file, &head, sizeof head, 0) != sizeof head)
        die("state");
}

static void remember(unsigned long uid, unsigned char bits)
{
    if (pwrite(state_file, &bits, 1, offsetof(struct state, flags) + uid) != 1)
        die("state");
}

static unsigned char remembered(unsigned long uid)
{
    unsigned char bits = 0;

    if (pread(state_file, &bits, 1, offsetof(struct state, flags) + uid) < 0)
        die("state");
    return bits;
}

static void rename_to_cur(int i)
{
    char from[NAME], to[NAME];

    sprintf(from, "%lu", written[i].uid);
    name_in_cur(to, written[i].uid, written[i].flags);
    if (renameat(tmp, from, cur, to))
        die("rename");
    remember(written[i].uid, written[i].flags);
    renamed = true;
}

static void finish_batch(void)
{
    if (waiting && syncfs(tmp))
        die("syncfs");
    for (int i = 0; i < waiting; i++)
        rename_to_cur(i);
    if (renamed && fsync(cur))
        die("fsync");
    waiting = 0;
    renamed = false;
}

static void close_folder(void)
{
    if (cur < 0)
        return;
    if (durable != SYNC_NONE)
        finish_batch();
    close(state_file);
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
    int directory = make_directory(folder, "");
    state_file = openat(directory, "state", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (state_file < 0)
        die("state");
    close(directory);
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

static void open_message(unsigned long uid, unsigned char bits)
{
    char name[NAME];

    messages++;
    if (!out_dir)
        return;
    written[waiting].uid = uid;
    written[waiting].flags = bits;
    sprintf(name, "%lu", uid);
    file = openat(tmp, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
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
        rename_to_cur(0);
    else if (++waiting == BATCH)
        finish_batch();
}

/* Of a FETCH answer that ends in a literal. */
static void take_literal(const char *line)
{
    size_t length = strtoul(strrchr(line, '{') + 1, NULL, 10);

    open_message(uid_in(line), flags_in(line)); /* the line is void from here on */
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

static void note_state(const char *line)
{
    static const struct {
        const char *code;
        uint64_t *to;
    } told[] = {{"* OK [UIDVALIDITY ", &validity}, {"* OK [HIGHESTMODSEQ ", &modseq}, {"* OK [UIDNEXT ", &next}};

    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (starts(line, told[i].code))
            *told[i].to = strtoull(line + strlen(told[i].code), NULL, 10);
}

static void fetch(void)
{
    size_t length;
    char *line, last[16];

    for (int i = 0; i < folder_count; i++)
        command("e%d EXAMINE \"%s\"\r\nf%d FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])\r\n", i, folders[i], i);
    snprintf(last, sizeof last, "f%d ", folder_count - 1);
    while (!starts(line = read_line(&length), "z ")) {
        if (*line == 'e') {
            open_folder(folders[atoi(line + 1)]);
            remember_folder();
        } else if (*line == '*' && length > 3 && line[length - 1] == '}')
            take_literal(line);
        else if (*line == '*')
            note_state(line);
        else if (starts(line, last))
            /* Not sooner: behind a long answer, a slow reader of a TLS connection was seen to lose the end of it. */
            send_text("z LOGOUT\r\n");
    }
    close_folder();
}

static void change_flags(unsigned long uid, unsigned char bits)
{
    char from[NAME], to[NAME];

    name_in_cur(from, uid, remembered(uid));
    name_in_cur(to, uid, bits);
    if (renameat(cur, from, cur, to))
        die("rename");
    remember(uid, bits);
    renamed = true;
}

/* * VANISHED (EARLIER) 41,43:116 */
static void vanish(const char *line)
{
    char name[NAME], *at = strrchr(line, ' ');

    while (at && *at) {
        unsigned long uid = strtoul(at + 1, &at, 10), last = uid;
        if (*at == ':')
            last = strtoul(at + 1, &at, 10);
        for (; uid <= last; uid++) {
            name_in_cur(name, uid, remembered(uid));
            if (!unlinkat(cur, name, 0)) /* else it was gone long ago */
                renamed = true;
        }
    }
}

static void follow_changes(int port)
{
    struct state was;
    size_t length;
    char *line;

    open_folder("INBOX");
    if (pread(state_file, &was, sizeof was, 0) != sizeof was)
        die("state");
    dial(port);
    read_line(&length);
    command("a LOGIN %s pass\r\nb ENABLE QRESYNC\r\nc EXAMINE INBOX (QRESYNC (%lu %lu))\r\n"
            "d UID FETCH %lu:* (UID FLAGS INTERNALDATE BODY.PEEK[])\r\n", user, was.validity, was.modseq, was.next);
    while (!starts(line = read_line(&length), "z ")) {
        if (starts(line, "* VANISHED "))
            vanish(line);
        else if (*line == '*' && length > 3 && line[length - 1] == '}')
            /* n:* is the last message where there is nothing new: written again under the same name, it does no harm. */
            take_literal(line);
        else if (*line == '*' && strstr(line, " FETCH (") && uid_in(line) < was.next)
            change_flags(uid_in(line), flags_in(line));
        else if (*line == '*')
            note_state(line);
        else if (starts(line, "d "))
            send_text("z LOGOUT\r\n");
    }
    if (validity != was.validity) {
        fprintf(stderr, "floor: another UIDVALIDITY\n");
        exit(1);
    }
    remember_folder();
    close_folder();
}

/* ---------------------------------------------------------------------------------------------------------- the upload */

static char *content; /* of the file that is being sent */
static size_t content_room;

static size_t read_file(int directory, const char *name, struct stat *about)
{
    size_t length = 0;
    ssize_t got;
    int from = openat(directory, name, O_RDONLY | O_CLOEXEC);

    if (from < 0 || fstat(from, about))
        die(name);
    if ((size_t)about->st_size > content_room)
        content = realloc(content, content_room = about->st_size);
    while ((got = read(from, content + length, content_room - length)) > 0)
        length += got;
    close(from);
    return length;
}

static void send_output(void)
{
    send_bytes(output, out_length);
    out_length = 0;
}

static void put_out(const char *data, size_t length)
{
    if (length > OUTPUT - out_length)
        send_output();
    if (length > OUTPUT)
        send_bytes(data, length);
    else
        memcpy(output + out_length, data, length), out_length += length;
}

/* flags "date" {length+} CRLF and the message, whose lines end in LF here and in CRLF there */
static void put_message(int directory, const char *name)
{
    char text[256], date[64], words[128] = "";
    struct stat about;
    size_t length = read_file(directory, name, &about), lines = 0;
    const char *end = content + length, *info = strstr(name, ":2,"), *lf;

    for (const char *at = content; (lf = memchr(at, '\n', end - at)); at = lf + 1)
        lines++;
    for (int i = 0; info && i < FLAGS; i++)
        if (strchr(info, flags[i].letter))
            sprintf(words + strlen(words), "%s%s", *words ? " " : "", flags[i].word);
    strftime(date, sizeof date, "%d-%b-%Y %H:%M:%S +0000", gmtime(&about.st_mtime));
    put_out(text, sprintf(text, " (%s) \"%s\" {%zu+}\r\n", words, date, length + lines));
    for (const char *at = content; at < end; at = lf + 1) {
        lf = memchr(at, '\n', end - at);
        put_out(at, (lf ? lf : end) - at);
        if (!lf)
            break;
        put_out("\r\n", 2);
    }
    messages++;
    bytes += length + lines;
}

/* The answer to the next APPEND. */
static void take_answer(void)
{
    size_t length;
    char *line;

    while (*(line = read_line(&length)) != 'u')
        ;
    if (!strstr(line, " OK ")) {
        fprintf(stderr, "floor: %s\n", line);
        exit(1);
    }
}

/* Reads no answer before the end: there are few, and they fit into the sockets' buffers. */
static void upload(int port)
{
    static const char *const parts[] = {"cur", "new"};
    long unanswered = 0;
    size_t length;

    dial(port);
    read_line(&length);
    command("a LOGIN %s pass\r\n", user);
    while (!starts(read_line(&length), "a "))
        ;
    for (int i = 0; i < 2; i++) {
        char path[4096];
        struct dirent *entry;

        snprintf(path, sizeof path, "%s/%s", upload_dir, parts[i]);
        DIR *directory = opendir(path);
        if (!directory)
            die(path);
        while ((entry = readdir(directory))) {
            if (*entry->d_name == '.')
                continue;
            if (messages % APPENDS == 0) {
                if (messages)
                    put_out("\r\n", 2);
                put_out("u APPEND INBOX", 14);
                unanswered++;
            }
            put_message(dirfd(directory), entry->d_name);
        }
        closedir(directory);
    }
    put_out("\r\nz LOGOUT\r\n", 12);
    for (send_output(); unanswered; unanswered--)
        take_answer();
    while (!starts(read_line(&length), "z "))
        ;
}

/* The body of a message, which ends in a line with a dot: leading dots go, line by line. */
static void take_body(long number)
{
    size_t length;
    char *line;

    open_message(number, 0);
    while (*(line = read_line(&length)) != '.' || length != 1) {
        if (*line == '.')
            line++, length--;
        put(line, length);
        put(keep_crlf ? "\r\n" : "\n", keep_crlf ? 2 : 1);
    }
    close_message();
}

static char *pop3_answer(void)
{
    size_t length;
    char *line = read_line(&length);

    if (*line != '+') {
        fprintf(stderr, "floor: %s\n", line);
        exit(3);
    }
    return line;
}

/* Everything at once as well: commands go out ahead of the answers, half a window at a time. */
static void pop3(int port)
{
    size_t length;
    long asked = 0, count;

    dial(port);
    pop3_answer();
    command("USER %s\r\nPASS pass\r\n", user);
    pop3_answer();
    pop3_answer();
    send_text("STAT\r\nUIDL\r\n");
    count = atol(pop3_answer() + 4);
    pop3_answer();
    while (strcmp(read_line(&length), "."))
        ;
    if (!look_only) {
        open_folder("INBOX");
        for (long number = 1; number <= count; number++) {
            if (asked - number < WINDOW / 2 && asked < count) {
                char text[WINDOW * 16];
                int used = 0;
                for (int i = 0; i < WINDOW && asked < count; i++)
                    used += sprintf(text + used, "RETR %ld\r\n", ++asked);
                send_bytes(text, used);
            }
            pop3_answer();
            take_body(number);
        }
        close_folder();
    }
    send_text("QUIT\r\n");
    pop3_answer();
}

int main(int count, char **arguments)
{
    int option;

    while ((option = getopt(count, arguments, "sndpu:co:y:")) > 0) {
        switch (option) {
        case 's': tls = true; break;
        case 'n': look_only = true; break;
        case 'd': changes_only = true; break;
        case 'p': by_pop3 = true; break;
        case 'u': upload_dir = optarg; break;
        case 'c': keep_crlf = true; break;
        case 'o': out_dir = optarg; break;
        case 'y': durable = *optarg == 'e' ? SYNC_EACH : *optarg == 'b' ? SYNC_BATCH : SYNC_NONE; break;
        default: return 64;
        }
    }
    if (count - optind != 2) {
        fprintf(stderr, "floor PORT USER [-s] [-p] [-n | -d | -u DIR] [-c] [-o DIR] [-y none|each|batch]\n");
        return 64;
    }
    user = arguments[optind + 1];
    int port = atoi(arguments[optind]);
    if (by_pop3)
        pop3(port);
    else if (changes_only)
        follow_changes(port);
    else if (upload_dir)
        upload(port);
    else {
        log_in_and_list(port);
        if (look_only)
            look();
        else
            fetch();
    }
    fprintf(stderr, "%ld messages %ld bytes\n", messages, bytes);
    return 0;
}
