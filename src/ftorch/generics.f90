module ftorch_generics
  !! Generic names over the types of several modules.
  use :: ftorch_event, only: torch_event_delete
  use :: ftorch_model, only: torch_model_delete
  use :: ftorch_optimizer_type, only: torch_optim_delete
  use :: ftorch_request, only: torch_request_delete
  use :: ftorch_tensor_type, only: torch_tensor_delete
  use :: ftorch_trainer, only: torch_trainer_delete
  implicit none (type, external)
  private

  public :: torch_delete

  interface torch_delete
    !! Releases a tensor, a model, an optimizer, a trainer, an event or a request.
    procedure :: torch_tensor_delete
    procedure :: torch_model_delete
    procedure :: torch_optim_delete
    procedure :: torch_trainer_delete
    procedure :: torch_event_delete
    procedure :: torch_request_delete
  end interface torch_delete
end module ftorch_generics
