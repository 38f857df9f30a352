from agent.pods.memory import Memory


def test_a_sandbox_that_fails_is_tried_later_and_later():
    memory, waited = Memory(), []
    for _ in range(7):
        memory.without_sandbox("no overlay", now=100.0)
        waited.append(memory.troubles[""].retry_at - 100.0)
    assert waited == [1, 2, 4, 8, 16, 30, 30]
    memory.with_sandbox()
    assert memory.troubles == {}
    memory.without_sandbox("no overlay", now=200.0)
    assert memory.troubles[""].retry_at == 201.0
