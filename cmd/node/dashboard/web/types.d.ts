// The JSON of the local API, as docs/openapi.yaml describes it, for the checks of
// the scripts beside this file. It is neither embedded nor served.

export type TransferState =
  | 'invalid' | 'created' | 'awaiting-peer' | 'awaiting-host' | 'ongoing' | 'finished'
  | 'closed-by-host' | 'closed-by-peer' | 'invalid-path' | 'unjoinable-peer' | 'timeout-expired';

export type EndCode =
  | '' | 'refused' | 'cancelled' | 'unjoinable' | 'bad-sum' | 'timeout' | 'lost'
  | 'bad-path' | 'withdrawn' | 'failed' | 'interrupted';

export interface Node { account: string; device: string; addrs: string[]; }

export interface Contact { account: string; name: string; state: 'requested' | 'pending' | 'accepted'; verified: '' | 'code' | 'person'; }

export interface PathDetails {
  transport: string; local: string; remote: string; local_type: string; remote_type: string;
  relay: string; rtt_ms: number; tls_version: string; tls_cipher: string; tls_group: string; controlling: boolean;
}

export interface Part {
  device: string; account: string; contact: string; state: TransferState; bytes: number;
  code: EndCode; reason: string; path: string; path_details: PathDetails | null;
}

export interface Transfer {
  id: string; direction: 'incoming' | 'outgoing'; contact: string; account: string; device: string;
  name: string; size: number; bytes: number; state: TransferState; path: string; path_details: PathDetails | null;
  code: EndCode; reason: string; sha3sum: string; sha3tree: string; folder: boolean; file: string;
  created: string; updated: string; conversation: string; entry: string; ended: boolean; parts: Part[];
  rule?: string; why?: string; one_shot?: boolean;
}

export interface Device {
  id: string; name: string; added: string; self: boolean; keeper: boolean; revoked: boolean; connected: boolean;
}

export interface Pairing {
  id: string; purpose: 'link' | 'contact' | 'file';
  state: 'waiting' | 'exchange' | 'connect' | 'done' | 'failed' | 'cancelled';
  failure: string; reason: string; code: string; qr: string; expires: string; verifier: string;
  device: Device | null; contact: Contact | null; transfer?: string;
}

export interface Member { account: string; name: string; status: string; self: boolean; }

export interface FileEntry { name: string; size: number; sha3sum: string; sha3tree: string; tid: string; }

export interface Message {
  id: string; conversation: string; account: string; device: string; author: string;
  time: string; seen: string; late: boolean; type: string; text: string; file: FileEntry | null;
  action: string; target: string; target_name: string; edit: string; edited: boolean; deleted: boolean;
  void: boolean; reason: string; size: number; parents: string[];
}

export interface Conversation {
  id: string; mode: string; name: string; status: string; members: Member[]; entries: number;
  heads: string[]; last: Message | null; paused: string; renewed: string;
}

export interface HeldFile {
  conversation: string; conversation_name: string; entry: string; author: string; name: string; file: string;
  size: number; sha3sum: string; sha3tree: string; source: boolean;
  state: 'held' | 'unchecked' | 'gone' | 'changed' | 'unreadable' | 'withdrawn'; since: string;
}

export interface Limit { contact: string; account: string; up: number; down: number; }

export interface Rule {
  name: string; from?: string[]; device?: string[]; verified?: boolean; conversation?: string[]; type?: string[];
  max_size?: string | number; quota?: string | number; folder?: string; action?: string; used: number; files: number;
}

export interface Rules { rules: Rule[]; otherwise: string; reserve: number; }

export interface NAT { family: string; kind: string; public: string[]; }
export interface STUNServer { server: string; family: string; local: string; public: string; latency_ms: number; error: string; }
export interface TURNServer { url: string; reachable: boolean; latency_ms: number; relayed: string[]; connections: number; error: string; }
export interface Mapping { port: number; external: string; expires: string | null; }
export interface Router { gateway: string; protocol: string; speaks: string[]; external: string; double_nat: boolean; ports: Mapping[]; error: string; }

export interface Checkup extends Node {
  ice_port_v4: number; ice_port_v6: number; nat: NAT[]; stun: STUNServer[]; turn: TURNServer[];
  portmap: { enabled: boolean; routers: Router[] }; dht: { mode: string; nodes: number };
  inbox: { servers: number; self: boolean; queued: number; subscribers: number };
  clock: { ahead_ms: number; asked: number }; advice: string;
}

export interface Reach { device: string; path: string; path_details: PathDetails | null; last_negotiation: { error: string } | null; }
export interface Explanation extends Contact { devices: Reach[]; }

export interface Upload { id: string; name: string; size: number; }

export interface NodeEvent {
  time: string; transfer?: Transfer; phase?: string; detail?: string; contact?: Contact; removed?: boolean;
  message?: Message; conversation?: Conversation; pairing?: Pairing; device?: Device;
}
