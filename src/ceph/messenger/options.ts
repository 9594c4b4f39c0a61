/** The `ms_*` options that the messenger reads, with Ceph's names, units and defaults (common/options). */
export interface MessengerConfig {
  /** Seconds before the first reconnect; doubles from there. */
  ms_initial_backoff: number;
  ms_max_backoff: number;
  /** Seconds that a connection may take to become ready. */
  ms_connection_ready_timeout: number;
  /** Seconds without a byte after which a connection is given up. */
  ms_connection_idle_timeout: number;
  /** Bytes of received messages that wait for, or are in, dispatch. 0: no limit. */
  ms_dispatch_throttle_bytes: number;
  /** Ports that `bind` tries for port 0; min 0 lets the system choose. */
  ms_bind_port_min: number;
  ms_bind_port_max: number;
  ms_tcp_nodelay: boolean;
  ms_learn_addr_from_peer: boolean;
  /** Weighted part of the dispatch queue (priorities below PRIO_LOW). */
  ms_pq_max_tokens_per_priority: number;
  ms_pq_min_cost: number;
  /** Protocol v1 with cephx: sign messages, and refuse peers that cannot. */
  cephx_sign_messages: boolean;
  cephx_require_signatures: boolean;
  cephx_cluster_require_signatures: boolean;
  cephx_service_require_signatures: boolean;
  /** Largest parts of a message that are received (not an option of Ceph's, which has no limit). Bytes. */
  max_front_bytes: number;
  max_middle_bytes: number;
  max_data_bytes: number;
  /** Largest frame other than a message, and authorizer of protocol v1. Bytes. */
  max_control_bytes: number;
  /** Speak msgr 2.1 when the peer does too; false stays at 2.0. */
  msgr2_revision1: boolean;
}

export const MESSENGER_DEFAULTS: MessengerConfig = {
  ms_initial_backoff: 0.2,
  ms_max_backoff: 15,
  ms_connection_ready_timeout: 10,
  ms_connection_idle_timeout: 900,
  ms_dispatch_throttle_bytes: 100 << 20,
  ms_bind_port_min: 6800,
  ms_bind_port_max: 7568,
  ms_tcp_nodelay: true,
  ms_learn_addr_from_peer: true,
  ms_pq_max_tokens_per_priority: 16777216,
  ms_pq_min_cost: 65536,
  cephx_sign_messages: true,
  cephx_require_signatures: false,
  cephx_cluster_require_signatures: false,
  cephx_service_require_signatures: false,
  max_front_bytes: 128 << 20,
  max_middle_bytes: 16 << 20,
  max_data_bytes: 128 << 20,
  max_control_bytes: 1 << 20,
  msgr2_revision1: true,
};

/** Counters of one messenger, plain fields for whoever registers them (perf group AsyncMessenger::Worker). */
export interface MessengerStats {
  msgr_recv_messages: number;
  msgr_send_messages: number;
  msgr_recv_bytes: number;
  msgr_send_bytes: number;
  msgr_created_connections: number;
  msgr_active_connections: number;
  /** Faults: connections that broke, whatever came of them. */
  msgr_connection_faults: number;
  msgr_connection_ready_timeouts: number;
  msgr_connection_idle_timeouts: number;
  /** Times that reading stopped because a throttle was full. */
  msgr_throttle_waits: number;
  /** Calls into the socket: bytes per call tell how well writes are gathered. */
  msgr_send_calls: number;
  msgr_recv_calls: number;
}

export function newMessengerStats(): MessengerStats {
  return {
    msgr_recv_messages: 0,
    msgr_send_messages: 0,
    msgr_recv_bytes: 0,
    msgr_send_bytes: 0,
    msgr_created_connections: 0,
    msgr_active_connections: 0,
    msgr_connection_faults: 0,
    msgr_connection_ready_timeouts: 0,
    msgr_connection_idle_timeouts: 0,
    msgr_throttle_waits: 0,
    msgr_send_calls: 0,
    msgr_recv_calls: 0,
  };
}
