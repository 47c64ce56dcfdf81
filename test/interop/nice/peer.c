/* One end of an ICE-TCP connection (RFC 6544) by libnice, that hands off as
 * docs/protocol.md says ("/ice", "The hand-off"), and then sends a file and receives
 * bytes, in frames of RFC 4571.
 *
 *   peer controlling|controlled ADDRESS COUNT < their SDP > our SDP and what came of it
 *
 * The other end's text is read from standard input, up to a line with a dot: SDP as
 * libnice writes and reads it. Ours is written so to standard output. Then each line
 * tells of a step:
 *
 *   pair LOCAL REMOTE      the nominated pair, each TRANSPORT:ADDRESS:PORT
 *   handed ROLE            the other side's marker came; the role that it names
 *   received SHA256        COUNT bytes came, with this sum; as many were sent
 *
 * The bytes sent are 'n', COUNT times. It ends when standard input does. */

#include <glib-unix.h>
#include <nice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\xffhandoff/1"
#define MAGIC_LEN 10
#define MARKER_LEN (MAGIC_LEN + 32)
#define CHUNK 1400

static GMainLoop *loop;
static NiceAgent *agent;
static guint stream;
static gboolean controlling, handed, marked;
static guint64 count, sent, got;
static GChecksum *sum;
static struct { gchar *ufrag, *pwd; } ours, theirs;

static void fail(const char *what) {
  fprintf(stderr, "libnice's peer: %s\n", what);
  exit(1);
}

/* Nominates a pair for good: further checks would only lead away from it. */
static void settle(const gchar *local, const gchar *remote) {
  if (!nice_agent_set_selected_pair(agent, stream, 1, local, remote)) fail("libnice does not take the nominated pair");
}

/* Whether we opened the connection of the nominated pair. */
static gboolean dialled(void) {
  NiceCandidate *local, *remote;
  if (!nice_agent_get_selected_pair(agent, stream, 1, &local, &remote)) fail("no pair");
  return local->transport == NICE_CANDIDATE_TRANSPORT_TCP_ACTIVE;
}

static void marker(guchar *into, gboolean by_controlling, gboolean by_dialler) {
  gchar *key = controlling ? g_strconcat(ours.pwd, ":", theirs.pwd, NULL) : g_strconcat(theirs.pwd, ":", ours.pwd, NULL);
  gchar *role = g_strconcat(by_controlling ? "controlling" : "controlled", by_dialler ? "/dialled" : "", NULL);
  const gchar *first = controlling ? ours.ufrag : theirs.ufrag, *second = controlling ? theirs.ufrag : ours.ufrag;
  gsize len = 32;
  GHmac *mac = g_hmac_new(G_CHECKSUM_SHA256, (guchar *)key, strlen(key));
  g_hmac_update(mac, (guchar *)"handoff/1", 10); /* with its zero byte, as the next ones */
  g_hmac_update(mac, (guchar *)role, strlen(role) + 1);
  g_hmac_update(mac, (guchar *)first, strlen(first) + 1);
  g_hmac_update(mac, (guchar *)second, strlen(second));
  memcpy(into, MAGIC, MAGIC_LEN);
  g_hmac_get_digest(mac, into + MAGIC_LEN, &len);
  g_hmac_unref(mac);
  g_free(key);
  g_free(role);
}

static gboolean send_some(gpointer unused) {
  static gchar bytes[CHUNK];
  memset(bytes, 'n', sizeof bytes);
  while (sent < count) {
    gint n = nice_agent_send(agent, stream, 1, MIN(count - sent, sizeof bytes), bytes);
    if (n <= 0) { /* the socket is full */
      g_timeout_add(5, send_some, NULL);
      return FALSE;
    }
    sent += n;
  }
  return FALSE;
}

static void tell_when_all_is_here(void) {
  if (got == count) {
    printf("received %s\n", g_checksum_get_string(sum));
    fflush(stdout);
  }
}

static void send_marker(void) {
  guchar m[MARKER_LEN];
  marker(m, controlling, dialled());
  if (nice_agent_send(agent, stream, 1, sizeof m, (gchar *)m) != sizeof m) fail("the marker was not sent");
}

/* The foundation of the first of these candidates that is peer reflexive, or is not. */
static gchar *foundation(GSList *candidates, NiceCandidateTransport transport, gboolean reflexive) {
  for (GSList *i = candidates; i; i = i->next) {
    NiceCandidate *c = i->data;
    if (c->transport == transport && (c->type == NICE_CANDIDATE_TYPE_PEER_REFLEXIVE) == reflexive) return g_strdup(c->foundation);
  }
  fail("the marker came on no pair of ours");
  return NULL;
}

/* Nominates the pair on which their marker came: no check with USE-CANDIDATE does. */
static void nominate(gboolean they_dialled) {
  NiceCandidateTransport l = they_dialled ? NICE_CANDIDATE_TRANSPORT_TCP_PASSIVE : NICE_CANDIDATE_TRANSPORT_TCP_ACTIVE;
  NiceCandidateTransport r = they_dialled ? NICE_CANDIDATE_TRANSPORT_TCP_ACTIVE : NICE_CANDIDATE_TRANSPORT_TCP_PASSIVE;
  gchar *local = foundation(nice_agent_get_local_candidates(agent, stream, 1), l, !they_dialled);
  gchar *remote = foundation(nice_agent_get_remote_candidates(agent, stream, 1), r, they_dialled);
  settle(local, remote);
}

static void on_marker(const gchar *buf) {

  guchar m[MARKER_LEN];
  for (int by_dialler = 0; by_dialler < 2; by_dialler++) {
    marker(m, !controlling, by_dialler);
    if (memcmp(buf, m, sizeof m)) continue;
    if (!controlling) nominate(by_dialler);
    handed = TRUE;
    printf("handed %s%s\n", controlling ? "controlled" : "controlling", by_dialler ? "/dialled" : "");
    fflush(stdout);
    return;
  }
  fail("a frame that is no marker of theirs");
}

static void on_receive(NiceAgent *a, guint s, guint component, guint len, gchar *buf, gpointer unused) {
  if (handed) {
    g_checksum_update(sum, (guchar *)buf, len);
    got += len;
    tell_when_all_is_here();
    return;
  }
  if (len != MARKER_LEN) fail("a frame that is no marker");
  on_marker(buf);
  if (!controlling) send_marker();
  g_idle_add(send_some, NULL);
}

static void on_state(NiceAgent *a, guint s, guint component, guint state, gpointer unused) {
  fprintf(stderr, "state %s\n", nice_component_state_to_string(state));
  if (state == NICE_COMPONENT_STATE_FAILED && !handed) fail("the checks failed");
  if (state != NICE_COMPONENT_STATE_READY || !controlling || marked) return;
  NiceCandidate *local, *remote;
  marked = TRUE;
  if (!nice_agent_get_selected_pair(agent, stream, 1, &local, &remote)) fail("ready, but no pair");
  settle(local->foundation, remote->foundation);
  send_marker();
}

static void on_pair(NiceAgent *a, guint s, guint component, NiceCandidate *local, NiceCandidate *remote, gpointer unused) {
  gchar l[NICE_ADDRESS_STRING_LEN], r[NICE_ADDRESS_STRING_LEN];
  nice_address_to_string(&local->addr, l);
  nice_address_to_string(&remote->addr, r);
  printf("pair %s:%s:%u %s:%s:%u\n", nice_candidate_transport_to_string(local->transport), l, nice_address_get_port(&local->addr),
         nice_candidate_transport_to_string(remote->transport), r, nice_address_get_port(&remote->addr));
  fflush(stdout);
}

/* Their text. What follows on standard input is its end. */
static void read_theirs(void) {
  GString *sdp = g_string_new("");
  char line[1024];
  while (fgets(line, sizeof line, stdin) && strcmp(line, ".\n")) {
    g_string_append(sdp, line);
    g_strchomp(line);
    if (g_str_has_prefix(line, "a=ice-ufrag:")) theirs.ufrag = g_strdup(strchr(line, ':') + 1);
    if (g_str_has_prefix(line, "a=ice-pwd:")) theirs.pwd = g_strdup(strchr(line, ':') + 1);
  }
  int n = nice_agent_parse_remote_sdp(agent, sdp->str);
  fprintf(stderr, "%d remote candidates\n", n);
  if (n < 0) fail("their SDP was not understood");
  g_string_free(sdp, TRUE);
}

static void on_gathered(NiceAgent *a, guint s, gpointer unused) {
  gchar *sdp = nice_agent_generate_local_sdp(agent);
  nice_agent_get_local_credentials(agent, stream, &ours.ufrag, &ours.pwd);
  printf("%s.\n", sdp);
  fflush(stdout);
  g_free(sdp);
  read_theirs();
}

static gboolean on_end(gint fd, GIOCondition what, gpointer unused) {
  g_main_loop_quit(loop);
  return FALSE;
}

int main(int argc, char **argv) {
  NiceAddress at;
  if (argc != 4) fail("usage: peer controlling|controlled ADDRESS COUNT");
  controlling = !strcmp(argv[1], "controlling");
  count = g_ascii_strtoull(argv[3], NULL, 10);
  sum = g_checksum_new(G_CHECKSUM_SHA256);
  setvbuf(stdin, NULL, _IONBF, 0);
  loop = g_main_loop_new(NULL, FALSE);
  agent = nice_agent_new(g_main_loop_get_context(loop), NICE_COMPATIBILITY_RFC5245);
  g_object_set(agent, "ice-udp", FALSE, "ice-tcp", TRUE, "upnp", FALSE, "controlling-mode", controlling, NULL);
  nice_address_init(&at);
  if (!nice_address_set_from_string(&at, argv[2])) fail("no address");
  nice_agent_add_local_address(agent, &at);
  g_signal_connect(agent, "candidate-gathering-done", G_CALLBACK(on_gathered), NULL);
  g_signal_connect(agent, "component-state-changed", G_CALLBACK(on_state), NULL);
  g_signal_connect(agent, "new-selected-pair-full", G_CALLBACK(on_pair), NULL);
  stream = nice_agent_add_stream(agent, 1);
  nice_agent_set_stream_name(agent, stream, "application");
  nice_agent_attach_recv(agent, stream, 1, g_main_loop_get_context(loop), on_receive, NULL);
  if (!nice_agent_gather_candidates(agent, stream)) fail("no candidates");
  g_unix_fd_add(0, G_IO_IN | G_IO_HUP, on_end, NULL);
  g_main_loop_run(loop);
  g_object_unref(agent);
  return 0;
}
