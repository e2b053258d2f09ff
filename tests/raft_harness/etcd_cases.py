"""Where each case of etcd-io/raft's tests is here, or why it does not apply. Checked by test_etcd_cases.

A value is `module::Class.test`, `transcripts/name`, or a reason that begins with "n/a".
"""

from __future__ import annotations

E, R, S, T, M = "test_elections::", "test_replication::", "test_snapshots::", "test_transfer::", "test_membership::"
F, K = "test_flow_control::", "test_stickiness::"
P, L, PR, RD, PG = "test_paper::", "test_log::", "test_proposals::", "test_reads::", "test_progress::"

JOINT = "n/a: joint configurations; changes are one voter at a time (test_membership)"
NO_FLAG = "n/a: pre-vote and check-quorum are always on; "
FORWARD = "n/a: proposals are not forwarded by the core, the follower refuses and names the leader: "
LEASE = "n/a: there are no lease reads"

RAFT_TEST = {
    "TestProgressLeader": R + "TestCommit.test_the_leader_counts_itself_only_when_its_log_is_durable",
    "TestProgressResumeByHeartbeatResp": F + "TestFlowControl.test_a_heartbeat_alone_does_not_resume_it",
    "TestProgressPaused": F + "TestFlowControl.test_a_probe_is_one_message_until_it_is_answered",
    "TestProgressFlowControl": F + "TestFlowControl.test_messages_and_window_keep_to_their_bytes",
    "TestUncommittedEntryLimit": PR + "test_and_by_bytes",
    "TestLeaderElection": E + "TestWinning.test_a_majority_that_answers_elects",
    "TestLeaderElectionPreVote": E + "TestWinning.test_a_majority_that_answers_elects",
    "TestLearnerElectionTimeout": K + "TestRoles.test_a_learner_never_campaigns",
    "TestLearnerPromotion": K + "TestRoles.test_a_promoted_learner_does",
    "TestLearnerCanVote": E + "TestVoting.test_a_learner_votes_if_asked",
    "TestLeaderCycle": E + "TestWinning.test_each_node_can_be_elected_in_turn",
    "TestLeaderCyclePreVote": E + "TestWinning.test_each_node_can_be_elected_in_turn",
    "TestLeaderElectionOverwriteNewerLogs": (
        E + "TestWinning.test_the_winner_may_overwrite_entries_of_a_higher_term_that_were_never_committed"
    ),
    "TestLeaderElectionOverwriteNewerLogsPreVote": (
        E + "TestWinning.test_the_winner_may_overwrite_entries_of_a_higher_term_that_were_never_committed"
    ),
    "TestVoteFromAnyState": E + "TestVoting.test_a_better_candidate_has_the_vote_from_any_role",
    "TestPreVoteFromAnyState": E + "TestVoting.test_a_better_candidate_has_the_vote_from_any_role",
    "TestLogReplication": R + "TestCommit.test_across_a_change_of_leaders",
    "TestLearnerLogReplication": R + "TestCommit.test_a_learner_gets_everything_and_does_not_count",
    "TestSingleNodeCommit": R + "TestCommit.test_a_proposal_reaches_whoever_lives",
    "TestCannotCommitWithoutNewTermEntry": R + "TestCommit.test_entries_of_earlier_terms_wait_for_one_of_the_own",
    "TestCommitWithoutNewTermEntry": (R + "TestCommit.test_the_first_entry_of_a_term_commits_them_without_a_proposal"),
    "TestDuelingCandidates": E + "TestWinning.test_dueling_candidates",
    "TestDuelingPreCandidates": E + "TestWinning.test_dueling_candidates",
    "TestCandidateConcede": E + "TestWinning.test_a_cut_off_candidate_concedes",
    "TestSingleNodeCandidate": E + "TestWinning.test_a_majority_that_answers_elects",
    "TestSingleNodePreCandidate": E + "TestWinning.test_a_majority_that_answers_elects",
    "TestOldMessages": R + "TestFollower.test_messages_of_a_deposed_leader_are_ignored",
    "TestProposal": R + "TestCommit.test_a_proposal_reaches_whoever_lives",
    "TestProposalByProxy": FORWARD + "test_proposals",
    "TestCommit": R + "TestCommit.test_by_table",
    "TestPastElectionTimeout": E + "test_timeouts_are_spread_over_one_interval",
    "TestStepIgnoreOldTermMsg": P + "TestTerms.test_a_stale_term_is_rejected",
    "TestHandleMsgApp": R + "TestFollower.test_appends_by_table",
    "TestHandleHeartbeat": R + "TestFollower.test_heartbeats_move_the_commit_forward_only",
    "TestHandleHeartbeatResp": F + "TestLeaderAndMember.test_a_heartbeat_answer_brings_out_what_may_be_lost",
    "TestRaftFreesReadOnlyMem": RD + "test_reads_of_one_turn_share_a_round",
    "TestMsgAppRespWaitReset": F + "TestLeaderAndMember.test_only_the_answering_member_is_sent_more",
    "TestRecvMsgVote": E + "TestVoting.test_the_log_decides",
    "TestRecvMsgPreVote": E + "TestVoting.test_the_log_decides",
    "TestStateTransition": K + "TestRoles.test_only_moves_of_the_table_are_possible",
    "TestAllServerStepdown": K + "TestRoles.test_everyone_steps_down_for_a_higher_term",
    "TestCandidateResetTermMsgHeartbeat": K + "TestRoles.test_a_candidate_returns_to_the_leader_of_its_term",
    "TestCandidateResetTermMsgApp": K + "TestRoles.test_a_candidate_returns_to_the_leader_of_its_term",
    "TestCandidateSelfVoteAfterLostElection": E + "TestOwnVote.test_it_is_ignored_once_the_election_is_lost",
    "TestCandidateSelfVoteAfterLostElectionPreVote": (
        "n/a: a pre-vote promises nothing, so the own one is counted at once and cannot come late"
    ),
    "TestCandidateDeliversPreCandidateSelfVoteAfterBecomingCandidate": (
        E + "TestOwnVote.test_one_other_vote_suffices_with_it"
    ),
    "TestLeaderMsgAppSelfAckAfterTermChange": (
        R + "TestCommit.test_a_self_acknowledgement_after_a_change_of_terms_is_ignored"
    ),
    "TestLeaderStepdownWhenQuorumActive": K + "TestQuorumAndStickiness.test_a_leader_that_hears_a_majority_stays",
    "TestLeaderStepdownWhenQuorumLost": K + "TestQuorumAndStickiness.test_a_leader_that_does_not_steps_down",
    "TestLeaderSupersedingWithCheckQuorum": (
        K + "TestQuorumAndStickiness.test_who_hears_a_leader_does_not_help_to_depose_it"
    ),
    "TestLeaderElectionWithCheckQuorum": (
        K + "TestQuorumAndStickiness.test_who_has_not_heard_one_for_an_election_timeout_does"
    ),
    "TestFreeStuckCandidateWithCheckQuorum": (
        K + "TestQuorumAndStickiness.test_a_stuck_candidate_with_a_higher_term_is_freed"
    ),
    "TestNonPromotableVoterWithCheckQuorum": (
        K + "TestQuorumAndStickiness.test_a_non_member_follows_and_does_not_campaign"
    ),
    "TestDisruptiveFollower": NO_FLAG + "without pre-vote: test_a_stuck_candidate_with_a_higher_term_is_freed",
    "TestDisruptiveFollowerPreVote": (
        K + "TestQuorumAndStickiness.test_a_cut_off_follower_does_not_disturb_when_it_returns"
    ),
    "TestReadOnlyOptionSafe": RD + "test_any_node_gets_the_commit_of_the_moment",
    "TestReadOnlyWithLearner": RD + "test_a_learner_may_ask_and_does_not_confirm",
    "TestReadOnlyOptionLease": LEASE,
    "TestReadOnlyForNewLeader": RD + "test_a_new_leader_answers_once_it_has_committed_in_its_term",
    "TestReadOnlyDuplicateRequest": RD + "test_a_late_request_after_a_change_of_leaders_cannot_be_stale",
    "TestLeaderAppResp": F + "TestLeaderAndMember.test_answers_move_next",
    "TestBcastBeat": F + "TestLeaderAndMember.test_heartbeats_promise_no_more_than_the_member_has",
    "TestRecvMsgBeat": F + "TestLeaderAndMember.test_only_leaders_send_heartbeats",
    "TestLeaderIncreaseNext": F + "TestFlowControl.test_replicating_sends_every_proposal_at_once",
    "TestSendAppendForProgressProbe": F + "TestFlowControl.test_a_probe_is_one_message_until_it_is_answered",
    "TestSendAppendForProgressReplicate": F + "TestFlowControl.test_replicating_sends_every_proposal_at_once",
    "TestSendAppendForProgressSnapshot": S + "TestSending.test_nothing_else_is_sent_to_it_meanwhile",
    "TestRecvMsgUnreachable": F + "TestLeaderAndMember.test_an_unreachable_member_is_probed",
    "TestRestore": S + "TestReceiving.test_it_replaces_log_and_configuration",
    "TestRestoreWithLearner": S + "TestReceiving.test_it_may_promote_or_demote",
    "TestRestoreWithVotersOutgoing": JOINT,
    "TestRestoreVoterToLearner": S + "TestReceiving.test_it_may_promote_or_demote",
    "TestRestoreLearnerPromotion": S + "TestReceiving.test_it_may_promote_or_demote",
    "TestLearnerReceiveSnapshot": S + "TestReceiving.test_a_learner_takes_one",
    "TestRestoreIgnoreSnapshot": S + "TestReceiving.test_where_the_log_agrees_only_the_commit_moves",
    "TestProvideSnap": S + "TestSending.test_a_member_behind_the_log_is_sent_a_snapshot",
    "TestIgnoreProvidingSnap": S + "TestSending.test_a_silent_member_is_not",
    "TestRestoreFromSnapMsg": S + "TestReceiving.test_the_leader_it_comes_from_is_followed",
    "TestSlowNodeRestore": S + "TestReceiving.test_a_slow_member_is_brought_up_to_date",
    "TestStepConfig": M + "TestOneAtATime.test_in_force_from_the_moment_it_is_appended",
    "TestStepIgnoreConfig": M + "TestOneAtATime.test_a_second_change_waits_for_the_first",
    "TestNewLeaderPendingConfig": M + "TestOneAtATime.test_a_new_leader_takes_over_the_pending_change",
    "TestAddNode": M + "test_changes_are_idempotent",
    "TestAddLearner": M + "test_voters_are_promoted_and_demoted",
    "TestAddNodeCheckQuorum": (
        M + "TestMembersComeAndGo.test_adding_a_silent_voter_does_not_depose_the_leader_at_once"
    ),
    "TestRemoveNode": M + "test_unsafe_changes_are_refused",
    "TestRemoveLearner": M + "test_unsafe_changes_are_refused",
    "TestPromotable": K + "TestRoles.test_only_voters_campaign",
    "TestRaftNodes": M + "test_changes_are_idempotent",
    "TestCampaignWhileLeader": K + "TestRoles.test_a_leader_ignores_being_asked_to_campaign",
    "TestPreCampaignWhileLeader": K + "TestRoles.test_a_leader_ignores_being_asked_to_campaign",
    "TestCommitAfterRemoveNode": M + "TestMembersComeAndGo.test_removing_a_silent_voter_lets_the_rest_commit",
    "TestLeaderTransferToUpToDateNode": T + "test_to_a_node_that_is_up_to_date_and_back",
    "TestLeaderTransferToUpToDateNodeFromFollower": T + "test_by_a_follower_is_refused",
    "TestLeaderTransferWithCheckQuorum": T + "test_stickiness_does_not_stand_in_the_way",
    "TestLeaderTransferToSlowFollower": T + "test_to_a_follower_that_lags",
    "TestLeaderTransferAfterSnapshot": T + "test_to_a_follower_that_needs_a_snapshot_first",
    "TestLeaderTransferToSelf": T + "test_to_itself_is_nothing",
    "TestLeaderTransferToNonExistingNode": T + "test_to_nobody_is_refused",
    "TestLeaderTransferTimeout": T + "test_given_up_after_an_election_timeout",
    "TestLeaderTransferIgnoreProposal": T + "test_proposals_are_refused_meanwhile",
    "TestLeaderTransferReceiveHigherTermVote": T + "test_another_election_ends_it",
    "TestLeaderTransferRemoveNode": T + "test_a_target_that_stops_being_a_voter_is_forgotten",
    "TestLeaderTransferDemoteNode": T + "test_a_target_that_stops_being_a_voter_is_forgotten",
    "TestLeaderTransferBack": T + "test_back_to_itself_while_pending",
    "TestLeaderTransferSecondTransferToAnotherNode": T + "test_to_another_while_pending",
    "TestLeaderTransferSecondTransferToSameNode": T + "test_asking_again_does_not_extend_the_time",
    "TestTransferNonMember": T + "test_a_node_that_is_no_member_does_not_take_over",
    "TestNodeWithSmallerTermCanCompleteElection": (
        E + "TestWinning.test_a_node_with_a_smaller_term_completes_an_election"
    ),
    "TestPreVoteWithSplitVote": E + "TestWinning.test_split_votes_are_retried",
    "TestPreVoteWithCheckQuorum": "transcripts/prevote_without_leader",
    "TestLearnerCampaign": K + "TestRoles.test_a_learner_never_campaigns",
    "TestPreVoteMigrationCanCompleteElection": NO_FLAG + "there is nothing to migrate from",
    "TestPreVoteMigrationWithFreeStuckPreCandidate": NO_FLAG + "there is nothing to migrate from",
    "TestConfChangeCheckBeforeCampaign": (
        "n/a: a configuration is in force when it is appended, so a candidate never acts on an older one"
    ),
    "TestConfChangeV2CheckBeforeCampaign": JOINT,
    "TestFastLogRejection": F + "TestBackOff.test_one_rejection_skips_a_term_on_either_side",
    "TestLogReplicationWithReorderedMessage": (F + "TestLeaderAndMember.test_reordered_messages_and_a_late_rejection"),
}

OTHER_TESTS = {
    "raft_snap/TestSendingSnapshotSetPendingSnapshot": S
    + "TestSending.test_a_member_behind_the_log_is_sent_a_snapshot",
    "raft_snap/TestPendingSnapshotPauseReplication": S + "TestSending.test_nothing_else_is_sent_to_it_meanwhile",
    "raft_snap/TestSnapshotFailure": S + "TestChunks.test_a_lost_chunk_is_repeated_after_a_heartbeat",
    "raft_snap/TestSnapshotSucceed": S + "TestSending.test_once_installed_it_is_sent_what_follows",
    "raft_snap/TestSnapshotAbort": S + "TestSending.test_an_acknowledgement_that_reaches_the_log_ends_it",
    "flow_control/TestMsgAppFlowControlFull": (
        F + "TestFlowControl.test_a_full_window_stops_and_an_acknowledgement_moves_it"
    ),
    "flow_control/TestMsgAppFlowControlMoveForward": (
        F + "TestFlowControl.test_a_full_window_stops_and_an_acknowledgement_moves_it"
    ),
    "flow_control/TestMsgAppFlowControlRecvHeartbeat": (
        F + "TestFlowControl.test_a_heartbeat_answer_lets_one_empty_message_through_a_full_window"
    ),
    "log/TestFindConflict": L + "test_the_first_conflict_or_new_entry_is_found",
    "log/TestFindConflictByTerm": L + "test_back_off_skips_whole_terms",
    "log/TestIsUpToDate": L + "test_a_log_is_compared_by_last_term_then_length",
    "log/TestAppend": L + "test_replacing_cuts_the_tail_and_what_was_durable",
    "log/TestLogMaybeAppend": R + "TestFollower.test_appends_by_table",
    "log/TestCompactionSideEffects": L + "test_terms_are_known_from_the_snapshot_to_the_end",
    "log/TestHasNextCommittedEnts": L + "TestApplying.test_uncommitted_entries_are_not_applied",
    "log/TestNextCommittedEnts": L + "TestApplying.test_committed_entries_come_once_in_order_and_in_portions",
    "log/TestAcceptApplying": L + "TestApplying.test_committed_entries_come_once_in_order_and_in_portions",
    "log/TestAppliedTo": L + "TestApplying.test_committed_entries_come_once_in_order_and_in_portions",
    "log/TestNextUnstableEnts": L + "TestPersisting.test_each_entry_is_handed_out_once",
    "log/TestCommitTo": L + "test_commit_moves_forward_within_the_log",
    "log/TestStableTo": L + "TestPersisting.test_durable_when_that_ready_is_done_and_not_before",
    "log/TestStableToWithSnap": L + "TestPersisting.test_a_snapshot_replaces_what_was_being_written",
    "log/TestCompaction": L + "TestMemoryStorage.test_compaction_needs_a_snapshot",
    "log/TestLogRestore": L + "TestRestart.test_after_a_snapshot_too",
    "log/TestIsOutOfBounds": L + "test_compacted_entries_are_not_there",
    "log/TestTerm": L + "test_terms_are_known_from_the_snapshot_to_the_end",
    "log/TestTermWithUnstableSnapshot": (
        L + "TestPersisting.test_old_entries_in_storage_are_not_seen_behind_a_pending_snapshot"
    ),
    "log/TestSlice": L + "test_entries_span_storage_and_tail_within_the_limit",
    "log/TestScan": L + "test_entries_span_storage_and_tail_within_the_limit",
    "log_unstable/all 9": L + "TestPersisting.test_an_overtaken_write_does_not_count_even_if_the_entry_returns",
    "storage/all 8": L + "TestMemoryStorage.test_appending_replaces_from_the_first_index",
    "rawnode/TestRawNodeStep": K + "TestRoles.test_messages_for_others_are_not_ours",
    "rawnode/TestRawNodeProposeAndConfChange": M + "TestOneAtATime.test_in_force_from_the_moment_it_is_appended",
    "rawnode/TestRawNodeJointAutoLeave": JOINT,
    "rawnode/TestRawNodeProposeAddDuplicateNode": M + "test_adding_a_member_again_changes_nothing",
    "rawnode/TestRawNodeReadIndex": RD + "test_a_single_voter_answers_at_once",
    "rawnode/TestRawNodeStart": "transcripts/single_node",
    "rawnode/TestRawNodeRestart": E + "test_a_restarted_node_is_a_follower_with_its_log_and_term",
    "rawnode/TestRawNodeRestartFromSnapshot": S + "test_a_restart_from_a_snapshot_applies_only_what_follows",
    "rawnode/TestRawNodeStatus": "transcripts/campaign",
    "rawnode/TestRawNodeCommitPaginationAfterRestart": PR + "TestReady.test_applying_is_portioned",
    "rawnode/TestRawNodeBoundedLogGrowthWithPartition": PR + "test_the_queue_is_bounded_by_number",
    "rawnode/TestRawNodeConsumeReady": PR + "TestReady.test_several_may_be_under_way_and_are_advanced_in_order",
}

TRACES = {
    "async_storage_writes": "transcripts/async_writes",
    "async_storage_writes_append_aba_race": (
        L + "TestPersisting.test_an_overtaken_write_does_not_count_even_if_the_entry_returns"
    ),
    "campaign": "transcripts/campaign",
    "campaign_learner_must_vote": "transcripts/campaign_learner_votes",
    "checkquorum": "transcripts/check_quorum",
    "confchange_disable_validation": "n/a: validation cannot be switched off",
    "confchange_v1_add_single": "transcripts/change_add_voter",
    "confchange_v1_remove_leader": "transcripts/change_remove_leader",
    "confchange_v1_remove_leader_stepdown": "transcripts/change_remove_leader",
    "confchange_v2_add_double_auto": JOINT,
    "confchange_v2_add_double_implicit": JOINT,
    "confchange_v2_add_single_auto": "transcripts/change_add_voter",
    "confchange_v2_add_single_explicit": JOINT,
    "confchange_v2_replace_leader": JOINT,
    "confchange_v2_replace_leader_stepdown": JOINT,
    "forget_leader": "transcripts/forget_leader",
    "forget_leader_prevote_checkquorum": "transcripts/forget_leader",
    "forget_leader_read_only_lease_based": LEASE,
    "heartbeat_resp_recovers_from_probing": "transcripts/heartbeat_recovers_from_probing",
    "lagging_commit": "transcripts/lagging_commit",
    "prevote": "transcripts/prevote",
    "prevote_checkquorum": "transcripts/prevote_without_leader",
    "probe_and_replicate": "transcripts/probe_and_replicate",
    "replicate_pause": "transcripts/replicate_pause",
    "single_node": "transcripts/single_node",
    "slow_follower_after_compaction": "transcripts/slow_follower_after_compaction",
    "snapshot_succeed_via_app_resp": "transcripts/snapshot_succeeds_via_append",
    "snapshot_succeed_via_app_resp_behind": S + "TestSending.test_one_that_does_not_reach_the_log_does_not",
}
